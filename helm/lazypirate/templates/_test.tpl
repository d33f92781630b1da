{{/* For a file of its own in templates/tests/: a pod with which `helm test` connects to every endpoint of every route. */}}
{{- define "lazypirate.test" -}}
{{- include "lazypirate.checkContext" . -}}
{{- include "lazypirate.check" . -}}
{{- $test := .Values.lazypirate.test -}}
{{- $hook := dict "helm.sh/hook" "test" "helm.sh/hook-delete-policy" "before-hook-creation" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "lazypirate.name" . }}-test
  {{- include "lazypirate.marks" (list . $test.labels (merge $hook $test.annotations)) | nindent 2 }}
spec:
  {{- toYaml (merge (include "lazypirate.testPod" . | fromYaml) $test.pod) | nindent 2 }}
{{- end }}

{{/* It sends no request, because only you know one that does no harm; so it needs no sidecar either. */}}
{{- define "lazypirate.testPod" -}}
{{- $values := .Values.lazypirate -}}
restartPolicy: Never
{{- with tpl $values.serviceAccountName . | trim }}
serviceAccountName: {{ . | quote }}
{{- end }}
automountServiceAccountToken: false
containers:
  - name: check
    image: {{ include "lazypirate.image" . }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    args: [check, --live, --all]
    env:
      {{- include "lazypirate.env" . | nindent 6 }}
    resources:
      {{- toYaml $values.resources | nindent 6 }}
    securityContext:
      {{- toYaml $values.securityContext | nindent 6 }}
    volumeMounts:
      {{- include "lazypirate.ownMounts" . | nindent 6 }}
volumes:
  {{- include "lazypirate.volumes" . | nindent 2 }}
{{- end }}
