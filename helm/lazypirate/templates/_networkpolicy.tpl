{{- define "lazypirate.networkPolicy" -}}
{{- $policy := .Values.lazypirate.networkPolicy -}}
{{- if not (kindIs "slice" $policy.ingress) -}}
{{- fail "lazypirate.networkPolicy.ingress is not set. With a NetworkPolicy, Kubernetes refuses every connection to your pods that no rule allows, those to your app too. For an app that serves port 8080, set it to [{ ports: [{ port: 8080 }] }]; for an app that serves nothing, to []" -}}
{{- end -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "lazypirate.name" . }}
  {{- include "lazypirate.marks" (list . dict) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "lazypirate.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress{{ if $policy.egress }}, Egress{{ end }}]
  ingress:
    - ports:
        - port: {{ include "lazypirate.adminPort" . }}
      {{- with $policy.admin }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- with $policy.ingress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $policy.egress }}
  egress:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
