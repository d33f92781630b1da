{{/* For `initContainers:` of your pod: the sidecar as a native one. */}}
{{- define "lazypirate.initContainers" -}}
{{- include "lazypirate.checkContext" . -}}
{{- if not .Values.lazypirate.native -}}
{{- fail "lazypirate.native is false, so the sidecar is an ordinary container: in your pod, take lazypirate.initContainers away, and write below `containers:`\n\n  {{- include \"lazypirate.containers\" . | nindent 8 }}\n" -}}
{{- end -}}
{{- if semverCompare "<1.29-0" .Capabilities.KubeVersion.Version -}}
{{- fail (printf "Kubernetes %s has no native sidecars, which come with 1.29: set lazypirate.native to false, and in your pod write lazypirate.containers below `containers:` in place of lazypirate.initContainers" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{ include "lazypirate.container" . }}
{{- end }}

{{/* For `containers:` of your pod: the sidecar as an ordinary container. */}}
{{- define "lazypirate.containers" -}}
{{- include "lazypirate.checkContext" . -}}
{{- if .Values.lazypirate.native -}}
{{- fail "lazypirate.native is true, so the sidecar is an init container: in your pod, write lazypirate.initContainers below `initContainers:` in place of lazypirate.containers; or set lazypirate.native to false" -}}
{{- end -}}
{{ include "lazypirate.container" . }}
{{- end }}

{{- define "lazypirate.container" -}}
{{- $values := .Values.lazypirate -}}
{{- include "lazypirate.check" . -}}
- name: lazypirate
  image: {{ include "lazypirate.image" . }}
  imagePullPolicy: {{ $values.image.pullPolicy }}
  {{- if $values.native }}
  restartPolicy: Always
  {{- end }}
  args: [run]
  env:
    {{- include "lazypirate.env" . | nindent 4 }}
  ports:
    - name: lazypirate
      containerPort: {{ include "lazypirate.adminPort" . }}
  startupProbe:
    httpGet: { path: /startupz, port: lazypirate }
    periodSeconds: 1
    failureThreshold: 60
  livenessProbe:
    httpGet: { path: /livez, port: lazypirate }
    timeoutSeconds: 5
  readinessProbe:
    httpGet: { path: /readyz, port: lazypirate }
    periodSeconds: 5
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  securityContext:
    {{- toYaml $values.securityContext | nindent 4 }}
  volumeMounts:
    {{- include "lazypirate.ownMounts" . | nindent 4 }}
{{- end }}

{{/* Environment of the sidecar, and of commands that have to see what it sees. */}}
{{- define "lazypirate.env" -}}
# Not an argument, so that commands that are run with kubectl exec know it too.
- { name: LAZYPIRATE_CONFIG, value: /etc/lazypirate/config.yaml }
- name: POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- name: POD_NAMESPACE
  valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
{{- if include "lazypirate.discovers" . }}
# Empty, and without effect, if the cluster does not label pods with their zone.
- name: LAZYPIRATE_ZONE
  valueFrom: { fieldRef: { fieldPath: "metadata.labels['topology.kubernetes.io/zone']" } }
{{- end }}
{{- with .Values.lazypirate.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What the sidecar mounts. */}}
{{- define "lazypirate.ownMounts" -}}
- name: lazypirate-config
  mountPath: /etc/lazypirate
  readOnly: true
{{- if include "lazypirate.discovers" . }}
- name: lazypirate-token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}
{{- with .Values.lazypirate.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- with include "lazypirate.volumeMounts" . }}
{{ . }}
{{- end }}
{{- end }}

{{/* For `volumeMounts:` of your app where a route listens at ipc:///run/lazypirate/... or has an endpoint there; nothing otherwise. */}}
{{- define "lazypirate.volumeMounts" -}}
{{- include "lazypirate.checkContext" . -}}
{{- if include "lazypirate.hasSocket" . -}}
- name: lazypirate-run
  mountPath: /run/lazypirate
{{- end }}
{{- end }}

{{/* For `volumes:` of your pod. */}}
{{- define "lazypirate.volumes" -}}
{{- include "lazypirate.checkContext" . -}}
- name: lazypirate-config
  configMap:
    name: {{ include "lazypirate.name" . }}
{{- if include "lazypirate.discovers" . }}
- name: lazypirate-token
  projected:
    sources:
      - serviceAccountToken: { path: token, expirationSeconds: 3600 }
      - configMap:
          name: kube-root-ca.crt
          items: [{ key: ca.crt, path: ca.crt }]
      - downwardAPI:
          items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }]
{{- end }}
{{- if include "lazypirate.hasSocket" . }}
- name: lazypirate-run
  emptyDir: {}
{{- end }}
{{- with .Values.lazypirate.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
