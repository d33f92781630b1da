{{/* Name of every object that is created in the release's namespace. */}}
{{- define "lazypirate.name" -}}
{{ printf "%s-lazypirate" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of the Role in a namespace that another release of this name may ask, too. Takes a list: context, namespace. */}}
{{- define "lazypirate.roleName" -}}
{{- $root := first . -}}
{{- if eq (last .) $root.Release.Namespace -}}
{{ include "lazypirate.name" $root }}
{{- else -}}
{{ printf "%s-%s" $root.Release.Namespace (include "lazypirate.name" $root) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels and annotations of an object, below `metadata`. Takes a list: context, more labels. */}}
{{- define "lazypirate.marks" -}}
{{- $root := first . -}}
labels:
  app.kubernetes.io/name: lazypirate
  app.kubernetes.io/instance: {{ $root.Release.Name }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
  {{- with merge (dict) (last .) $root.Values.lazypirate.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $root.Values.lazypirate.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Labels that select the pods with the sidecar. */}}
{{- define "lazypirate.selectorLabels" -}}
{{- with .Values.lazypirate.selectorLabels -}}
{{ toYaml . }}
{{- else -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- end }}

{{/* The image, by digest where there is one. */}}
{{- define "lazypirate.image" -}}
{{- $image := .Values.lazypirate.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Subcharts.lazypirate.Chart.AppVersion }}
{{- end }}
{{- end }}
