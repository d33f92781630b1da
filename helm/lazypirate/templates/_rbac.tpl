{{/* A Role and its RoleBinding in each namespace that a route asks, with no more than its routes need. */}}
{{- define "lazypirate.rbac" -}}
{{- $root := . -}}
{{- $services := list -}}
{{- $pods := list -}}
{{- range (include "lazypirate.config" . | fromYaml).routes -}}
{{- with .upstream.kubernetes -}}
{{- $namespace := .namespace | default $root.Release.Namespace -}}
{{- if .service -}}{{- $services = append $services $namespace -}}{{- else -}}{{- $pods = append $pods $namespace -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $namespace := concat $services $pods | uniq | sortAlpha }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ include "lazypirate.roleName" (list $root $namespace) }}
  namespace: {{ $namespace | quote }}
  {{- include "lazypirate.marks" (list $root dict) | nindent 2 }}
rules:
  {{- if has $namespace $services }}
  - apiGroups: [discovery.k8s.io]
    resources: [endpointslices]
    verbs: [list, watch]
  {{- end }}
  {{- if has $namespace $pods }}
  - apiGroups: [""]
    resources: [pods]
    verbs: [list, watch]
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ include "lazypirate.roleName" (list $root $namespace) }}
  namespace: {{ $namespace | quote }}
  {{- include "lazypirate.marks" (list $root dict) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "lazypirate.roleName" (list $root $namespace) }}
subjects:
  - kind: ServiceAccount
    name: {{ include "lazypirate.serviceAccountName" $root | quote }}
    namespace: {{ $root.Release.Namespace | quote }}
{{- end }}
{{- end }}
