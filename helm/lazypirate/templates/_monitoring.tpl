{{- define "lazypirate.podMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ include "lazypirate.name" . }}
  {{- include "lazypirate.marks" (list . .Values.lazypirate.podMonitor.labels) | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- include "lazypirate.selectorLabels" . | nindent 6 }}
  podMetricsEndpoints:
    - port: lazypirate
      interval: {{ .Values.lazypirate.podMonitor.interval }}
{{- end }}

{{- define "lazypirate.dashboard" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "lazypirate.name" . }}-dashboard
  {{- include "lazypirate.marks" (list . .Values.lazypirate.dashboard.labels) | nindent 2 }}
data:
  lazypirate.json: |
    {{- .Subcharts.lazypirate.Files.Get "files/dashboard.json" | trim | nindent 4 }}
{{- end }}
