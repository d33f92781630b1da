import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Charts } from './charts.ts';
import { type KubernetesObject, objectsOf } from './objects.ts';

const VERSIONS: Record<string, string> = {
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  DaemonSet: 'apps/v1',
  ReplicaSet: 'apps/v1',
  Job: 'batch/v1',
  CronJob: 'batch/v1',
  Pod: 'v1',
};

/** For each kind a workload that has init containers and volumes, and one that has neither key. */
const TEMPLATE = `
{{- define "workloads.marks" -}}
labels: { app: {{ .name }}, lazypirate/inject: enabled }
annotations: {{ toJson .root.Values.annotations }}
{{- end }}
{{- define "workloads.spec" -}}
{{- if has .kind (list "Job" "CronJob" "Pod") }}
restartPolicy: Never
{{- end }}
containers: [{ name: app, image: registry.example.com/app }]
{{- if or .root.Values.sidecar .isFull }}
initContainers:
  {{- if .root.Values.sidecar }}
  {{- include "lazypirate.initContainers" .root | nindent 2 }}
  {{- end }}
  {{- if .isFull }}
  - { name: migrate, image: registry.example.com/app }
  {{- end }}
volumes:
  {{- if .root.Values.sidecar }}
  {{- include "lazypirate.volumes" .root | nindent 2 }}
  {{- end }}
  {{- if .isFull }}
  - { name: own, secret: { secretName: own, defaultMode: 288 } }
  {{- end }}
{{- end }}
{{- end }}
{{- define "workloads.pod" -}}
metadata:
  {{- include "workloads.marks" . | nindent 2 }}
spec:
  {{- include "workloads.spec" . | nindent 2 }}
{{- end }}
{{- range $kind, $version := .Values.versions }}
{{- range $isFull := list false true }}
{{- $name := printf "%s-%s" (lower $kind) (ternary "full" "bare" $isFull) }}
{{- $pod := dict "root" $ "kind" $kind "isFull" $isFull "name" $name }}
---
apiVersion: {{ $version }}
kind: {{ $kind }}
metadata:
  name: {{ $name }}
  {{- include "workloads.marks" $pod | nindent 2 }}
spec:
{{- if eq $kind "Pod" }}
  {{- include "workloads.spec" $pod | nindent 2 }}
{{- else if eq $kind "CronJob" }}
  schedule: "0 0 * * *"
  jobTemplate:
    spec:
      template:
        {{- include "workloads.pod" $pod | nindent 8 }}
{{- else }}
  {{- if ne $kind "Job" }}
  selector: { matchLabels: { app: {{ $name }} } }
  {{- end }}
  {{- if eq $kind "StatefulSet" }}
  serviceName: {{ $name }}
  {{- end }}
  template:
    {{- include "workloads.pod" $pod | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}
`;

const UPSTREAMS = {
  enabled: { kubernetes: { service: 'orders', port: 'zmq' } },
  disabled: { endpoints: ['tcp://10.1.2.3:7000'] },
};

export type Discovery = keyof typeof UPSTREAMS;
export const DISCOVERY = Object.keys(UPSTREAMS) as Discovery[];

/** A chart with workloads of every kind. Their pods have the sidecar from the library chart, or are without it. */
export class Workloads {
  readonly #charts: Charts;
  readonly #chart: string;

  constructor(charts: Charts) {
    this.#charts = charts;
    this.#chart = join(charts.directory, 'workloads');
    const dependency = { name: 'lazypirate', version: '*', repository: 'file://../lazypirate' };
    const chart = { apiVersion: 'v2', name: 'workloads', version: '1.0.0', dependencies: [dependency] };
    mkdirSync(join(this.#chart, 'templates'), { recursive: true });
    writeFileSync(join(this.#chart, 'Chart.yaml'), stringify(chart));
    writeFileSync(join(this.#chart, 'templates/workloads.yaml'), TEMPLATE);
    charts.addLibrary(this.#chart);
  }

  /** As the chart renders them. All have the label and the annotations that ask for the sidecar. */
  yaml(sidecar: boolean, discovery: Discovery): string {
    const route = { name: 'orders', listen: 'tcp://127.0.0.1:5555', upstream: UPSTREAMS[discovery] };
    return this.#charts.template(this.#chart, {
      sidecar,
      versions: VERSIONS,
      annotations: { 'lazypirate/config': 'demo-lazypirate', 'lazypirate/discovery': discovery },
      lazypirate: { config: { routes: [route] }, image: { tag: '0.1.0' } },
    });
  }

  objects(sidecar: boolean, discovery: Discovery): KubernetesObject[] {
    return objectsOf(this.yaml(sidecar, discovery));
  }
}
