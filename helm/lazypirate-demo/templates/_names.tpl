{{/* Labels of an object or pod. Takes a list: context, name. */}}
{{- define "demo.labels" -}}
{{- $root := first . -}}
{{ include "demo.selectorLabels" . }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "demo.selectorLabels" -}}
app.kubernetes.io/name: {{ last . }}
app.kubernetes.io/instance: {{ (first .).Release.Name | quote }}
{{- end }}

{{/* Labels and annotations of a pod. Takes a list: context, name. */}}
{{- define "demo.podMarks" -}}
{{- $values := (first .).Values -}}
labels:
  {{- toYaml (merge (include "demo.selectorLabels" . | fromYaml) $values.podLabels) | nindent 2 }}
{{- with $values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The container of the app. Takes a list: context, and the arguments of app.mjs. */}}
{{- define "demo.appContainer" -}}
{{- $root := first . -}}
- name: app
  image: {{ include "lazypirate.image" $root }}
  imagePullPolicy: {{ $root.Values.lazypirate.image.pullPolicy }}
  command: [/nodejs/bin/node, /lazypirate/app/app.mjs]
  args: {{ rest . | toStrings | toJson }}
  resources:
    {{- toYaml $root.Values.app.resources | nindent 4 }}
  securityContext:
    {{- toYaml $root.Values.lazypirate.securityContext | nindent 4 }}
  volumeMounts:
    - name: app
      mountPath: /lazypirate/app
      readOnly: true
    {{- with include "lazypirate.volumeMounts" $root }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The volumes of the app and its sidecar. */}}
{{- define "demo.volumes" -}}
- name: app
  configMap:
    name: {{ .Release.Name }}-app
{{ include "lazypirate.volumes" . }}
{{- end }}
