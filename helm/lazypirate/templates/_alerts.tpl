{{/*
The alerts, without what all of them share. RUNBOOK.md has a section for each. `job` and `instance` are Prometheus' own labels of a
sidecar; what is summed over its pods has `job`, which a PodMonitor makes of its namespace and name. Only `client_gone` has a `cause`:
how far the request was when its app left. `cause!="ok"` leaves out those whose reply had come, and keeps every other request. An alert
about all pods of a job has `worst`, which finds the pod that is hit most; OF stands for the labels of the alert.
*/}}
{{- define "lazypirate.alerts" -}}
{{- $values := .Values.lazypirate.alerts -}}
- alert: LazypirateNoEndpoints
  expr: lazypirate_endpoints{state="up"} == 0
  for: 1m
  labels: { severity: critical }
  annotations:
    summary: Route {{`{{ $labels.route }}`}} has no endpoint
    description: No endpoint of route {{`{{ $labels.route }}`}} is up at {{`{{ $labels.instance }}`}}, so its requests wait and then fail.
- alert: LazypirateFailures
  expr: |
    sum by (namespace, job, route) (rate(lazypirate_requests_total{outcome!="ok", cause!="ok"}[5m]))
      / sum by (namespace, job, route) (rate(lazypirate_requests_total{cause!="ok"}[5m]))
      > {{ $values.failureRatio }}
  worst: sum by (pod) (rate(lazypirate_requests_total{outcome!="ok", cause!="ok", OF}[5m]))
  for: 5m
  labels: { severity: critical }
  annotations:
    summary: Requests of route {{`{{ $labels.route }}`}} fail
    description: "{{`{{ $value | humanizePercentage }}`}} of the requests of route {{`{{ $labels.route }}`}} ({{`{{ $labels.job }}`}}) fail."
- alert: LazypirateClientsGone
  expr: |
    sum by (namespace, job, route) (rate(lazypirate_requests_total{outcome="client_gone", cause="ok"}[5m]))
      / sum by (namespace, job, route) (rate(lazypirate_requests_total[5m]))
      > {{ $values.clientGoneRatio }}
  worst: sum by (pod) (rate(lazypirate_requests_total{outcome="client_gone", cause="ok", OF}[5m]))
  for: 10m
  labels: { severity: warning }
  annotations:
    summary: Apps do not wait for the replies of route {{`{{ $labels.route }}`}}
    description: "{{`{{ $value | humanizePercentage }}`}} of the requests of route {{`{{ $labels.route }}`}} ({{`{{ $labels.job }}`}}) were answered after the app had left."
- alert: LazypirateAttempts
  expr: |
    sum by (namespace, job, route) (rate(lazypirate_attempts_total{result!~"ok|cancelled"}[5m]))
      / sum by (namespace, job, route) (rate(lazypirate_attempts_total{result!="cancelled"}[5m]))
      > {{ $values.attemptFailureRatio }}
  worst: sum by (pod) (rate(lazypirate_attempts_total{result!~"ok|cancelled", OF}[5m]))
  for: 10m
  labels: { severity: warning }
  annotations:
    summary: Attempts of route {{`{{ $labels.route }}`}} fail
    description: "{{`{{ $value | humanizePercentage }}`}} of the attempts of route {{`{{ $labels.route }}`}} ({{`{{ $labels.job }}`}}) bring no reply in time."
- alert: LazypirateRetries
  expr: |
    sum by (namespace, job, route) (rate(lazypirate_retries_total[5m]))
      / sum by (namespace, job, route) (rate(lazypirate_requests_total[5m]))
      > {{ $values.retryRatio }}
  worst: sum by (pod) (rate(lazypirate_retries_total{OF}[5m]))
  for: 10m
  labels: { severity: warning }
  annotations:
    summary: Requests of route {{`{{ $labels.route }}`}} are sent again and again
    description: There are {{`{{ $value | humanize }}`}} retries per request of route {{`{{ $labels.route }}`}} ({{`{{ $labels.job }}`}}).
- alert: LazypirateRetriesDenied
  expr: sum by (namespace, job, route) (rate(lazypirate_retries_denied_total{reason="budget"}[5m])) > 0
  worst: sum by (pod) (rate(lazypirate_retries_denied_total{reason="budget", OF}[5m]))
  for: 5m
  labels: { severity: warning }
  annotations:
    summary: The retry budget of route {{`{{ $labels.route }}`}} is used up
    description: "{{`{{ $value | humanize }}`}} failed attempts a second of route {{`{{ $labels.route }}`}} ({{`{{ $labels.job }}`}}) are not retried, because too many are."
- alert: LazypirateSlow
  expr: |
    histogram_quantile(0.99, sum by (namespace, job, route, le) (rate(lazypirate_request_duration_seconds_bucket{outcome="ok"}[5m])))
      > {{ $values.p99Seconds }}
  worst: histogram_quantile(0.99, sum by (pod, le) (rate(lazypirate_request_duration_seconds_bucket{outcome="ok", OF}[5m])))
  for: 10m
  labels: { severity: warning }
  annotations:
    summary: Route {{`{{ $labels.route }}`}} is slow
    description: One request in a hundred of route {{`{{ $labels.route }}`}} ({{`{{ $labels.job }}`}}) waits {{`{{ $value | humanizeDuration }}`}} or more for its reply.
- alert: LazypirateDiscoveryStale
  expr: |
    time() - (lazypirate_discovery_last_sync_timestamp_seconds > 0) > {{ $values.discoveryAgeSeconds }}
      or lazypirate_discovery_last_sync_timestamp_seconds == 0
  for: 1m
  labels: { severity: warning }
  annotations:
    summary: The endpoints of route {{`{{ $labels.route }}`}} are unknown or out of date
    description: "{{`{{ $labels.instance }}`}} has {{`{{ if eq $value 0.0 }}never learned the endpoints of route {{ $labels.route }}{{ else }}not learned of changes in the endpoints of route {{ $labels.route }} for {{ $value | humanizeDuration }}{{ end }}`}}."
- alert: LazypirateReloadFailed
  expr: lazypirate_config_last_reload_successful == 0
  for: 1m
  labels: { severity: warning }
  annotations:
    summary: A change of the configuration was refused
    description: "{{`{{ $labels.instance }}`}} goes on with its old configuration, and would not start with the new one."
- alert: LazypirateSidecarMissing
  expr: |
    group by (namespace, pod) (
        kube_pod_container_info{container="lazypirate"} or kube_pod_init_container_info{container="lazypirate"}
      )
      and on (namespace, pod) kube_pod_status_scheduled{condition="true"} == 1
      unless on (namespace, pod) (kube_pod_status_phase{phase=~"Succeeded|Failed"} == 1 or lazypirate_build_info)
    or
    group by (namespace, pod) (up == 0 and on (job, instance) last_over_time(lazypirate_build_info[1h]))
  for: 5m
  labels: { severity: critical }
  annotations:
    summary: A sidecar is missing
    description: Prometheus gets no metrics from the sidecar of pod {{`{{ $labels.pod }}`}} in {{`{{ $labels.namespace }}`}}.
- alert: LazypirateUnaccounted
  expr: |
    lazypirate_requests_received_total
      - (sum without (outcome, cause) (lazypirate_requests_total))
      - lazypirate_in_flight_requests
      - lazypirate_queued_requests
      != 0
  for: 10m
  labels: { severity: warning }
  annotations:
    summary: Requests of route {{`{{ $labels.route }}`}} are unaccounted for
    description: The sidecar at {{`{{ $labels.instance }}`}} does not know what became of {{`{{ $value | humanize }}`}} requests of route {{`{{ $labels.route }}`}}.
- alert: LazypirateEventLoopLag
  expr: nodejs_eventloop_lag_p99_seconds > {{ $values.eventLoopLagSeconds }} and on (job, instance) lazypirate_build_info
  for: 5m
  labels: { severity: warning }
  annotations:
    summary: A sidecar is short of CPU
    description: The event loop of the sidecar at {{`{{ $labels.instance }}`}} is late by {{`{{ $value | humanizeDuration }}`}}.
- alert: LazypirateDescriptors
  expr: process_open_fds / process_max_fds > {{ $values.descriptorRatio }} and on (job, instance) lazypirate_build_info
  for: 5m
  labels: { severity: warning }
  annotations:
    summary: A sidecar runs out of file descriptors
    description: The sidecar at {{`{{ $labels.instance }}`}} has {{`{{ $value | humanizePercentage }}`}} of its file descriptors open.
{{- end }}

{{/* The command that says what is wrong at the pod of an alert: the one in its labels, or the worst one. Prometheus fills it in. */}}
{{- define "lazypirate.explain" -}}
{{- $found := "" -}}
{{- with .worst -}}
{{- $query := replace "OF" "namespace=%q, job=%q, route=%q" . -}}
{{- $found = printf "{{ with printf `topk(1, %s)` $labels.namespace $labels.job $labels.route | query }}{{ with first . | label `pod` }}{{ . }}{{ else }}POD{{ end }}{{ else }}POD{{ end }}" $query -}}
{{- end -}}
kubectl exec{{`{{ with $labels.namespace }} -n {{ . }}{{ end }} `}}{{ $found | default "{{ with $labels.pod }}{{ . }}{{ else }}POD{{ end }}" }} -c lazypirate -- lazypirate explain
{{- end }}

{{- define "lazypirate.prometheusRule" -}}
{{- $values := .Values.lazypirate.alerts -}}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ include "lazypirate.name" . }}
  {{- include "lazypirate.marks" (list . $values.labels) | nindent 2 }}
spec:
  groups:
    - name: lazypirate
      rules:
        {{- range include "lazypirate.alerts" . | fromYamlArray }}
        {{- if not (has .alert $values.disabled) }}
        {{- if $values.runbook }}
        {{- $_ := set .annotations "runbook_url" (printf "%s#%s" $values.runbook (lower .alert)) }}
        {{- end }}
        {{- $_ := set .annotations "explain" (include "lazypirate.explain" .) }}
        {{- $_ := unset . "worst" }}
        {{- $_ := set . "labels" (merge (dict) $values.alertLabels .labels) }}
        {{- list . | toYaml | nindent 8 }}
        {{- end }}
        {{- end }}
{{- end }}
