{{/* Name of every object that is created in the release's namespace. A subchart has its own, since its siblings may have the sidecar as well. */}}
{{- define "lazypirate.name" -}}
{{- if .Chart.IsRoot -}}
{{ .Release.Name }}-lazypirate
{{- else -}}
{{ .Release.Name }}-{{ .Chart.Name }}-lazypirate
{{- end }}
{{- end }}

{{/* Name of the Role in a namespace that another release of this name may ask, too. Takes a list: context, namespace. */}}
{{- define "lazypirate.roleName" -}}
{{- $root := first . -}}
{{- if ne (last .) $root.Release.Namespace -}}{{ $root.Release.Namespace }}-{{ end -}}
{{ include "lazypirate.name" $root }}
{{- end }}

{{/* Labels and annotations of an object, below `metadata`. Takes a list: context, more labels, and perhaps more annotations. */}}
{{- define "lazypirate.marks" -}}
{{- $root := first . -}}
{{- $annotations := index (append . dict) 2 -}}
{{- $own := dict
  "app.kubernetes.io/name" "lazypirate"
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
-}}
labels:
  {{- toYaml (merge $own (index . 1) $root.Values.lazypirate.labels) | nindent 2 }}
{{- with merge dict $annotations $root.Values.lazypirate.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Labels that select the pods with the sidecar. */}}
{{- define "lazypirate.selectorLabels" -}}
{{- with .Values.lazypirate.selectorLabels -}}
{{ toYaml . }}
{{- else -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}
{{- end }}

{{/* The image, by digest where there is one. */}}
{{- define "lazypirate.image" -}}
{{- $image := .Values.lazypirate.image -}}
{{- if not $image.repository -}}
{{- fail "lazypirate.image.repository is not set. No image is published: build the Dockerfile, push the image to a registry that your cluster pulls from, and set the name, for instance registry.example.com/lazypirate" -}}
{{- end -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Subcharts.lazypirate.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Service account that the pods run as. The Role for discovery is bound to it, so there is no default. */}}
{{- define "lazypirate.serviceAccountName" -}}
{{- $name := tpl .Values.lazypirate.serviceAccountName . | trim -}}
{{- if not $name -}}
{{- fail (printf "lazypirate.serviceAccountName is not set. A route discovers its endpoints, so the service account of your pods needs a Role: set the serviceAccountName that your pods have. In a chart of `helm create` write in values.yaml, below `lazypirate:`\n\n  serviceAccountName: '{{ include \"%s.serviceAccountName\" . }}'\n\nIf your pods set none, it is `default`" .Chart.Name) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$" $name) -}}
{{- fail (printf "lazypirate.serviceAccountName: %q is not the name of a service account" $name) -}}
{{- end -}}
{{ $name }}
{{- end }}
