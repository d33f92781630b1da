{{/* The configuration as YAML, its templates filled in. Fails where it could not serve. */}}
{{- define "lazypirate.config" -}}
{{- if not .Values.lazypirate.config.routes -}}
{{- fail "lazypirate.config.routes must have at least one route; see config/REFERENCE.md" -}}
{{- end -}}
{{ tpl (toYaml .Values.lazypirate.config) . }}
{{- end }}

{{/* Port of health and metrics. */}}
{{- define "lazypirate.adminPort" -}}
{{ dig "admin" "listen" "[::]:9555" (include "lazypirate.config" . | fromYaml) | regexFind "[1-9][0-9]*$" }}
{{- end }}

{{/* Port of everything else, on loopback; empty where that is off. */}}
{{- define "lazypirate.inspectPort" -}}
{{ toString (dig "admin" "inspect" "127.0.0.1:9556" (include "lazypirate.config" . | fromYaml)) | regexFind "[1-9][0-9]*$" }}
{{- end }}

{{/* Not empty where a route asks the Kubernetes API. */}}
{{- define "lazypirate.discovers" -}}
{{- range (include "lazypirate.config" . | fromYaml).routes }}{{ if .upstream.kubernetes }}yes{{ end }}{{ end }}
{{- end }}

{{/* Not empty where a route listens at a path in /run/lazypirate, or has an endpoint there. */}}
{{- define "lazypirate.hasSocket" -}}
{{- range (include "lazypirate.config" . | fromYaml).routes }}
{{- range append (.upstream.endpoints | default list) .listen }}{{ if hasPrefix "ipc:///run/lazypirate/" . }}yes{{ end }}{{ end }}
{{- end }}
{{- end }}

{{- define "lazypirate.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "lazypirate.name" . }}
  {{- include "lazypirate.marks" (list . dict) | nindent 2 }}
data:
  config.yaml: |
    {{- include "lazypirate.config" . | nindent 4 }}
{{- end }}
