{{/* Everything that is to be created beside your pods, as separate documents. */}}
{{- define "lazypirate.objects" -}}
{{- include "lazypirate.checkContext" . -}}
{{- include "lazypirate.check" . -}}
{{ include "lazypirate.configMap" . }}
{{- if .Values.lazypirate.rbac.create }}
{{- include "lazypirate.rbac" . }}
{{- end }}
{{- if .Values.lazypirate.networkPolicy.enabled }}
---
{{ include "lazypirate.networkPolicy" . }}
{{- end }}
{{- if .Values.lazypirate.podMonitor.enabled }}
---
{{ include "lazypirate.podMonitor" . }}
{{- end }}
{{- if .Values.lazypirate.alerts.enabled }}
---
{{ include "lazypirate.prometheusRule" . }}
{{- end }}
{{- if .Values.lazypirate.dashboard.enabled }}
---
{{ include "lazypirate.dashboard" . }}
{{- end }}
{{- end }}
