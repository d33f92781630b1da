{{/*
Refuses values with which the sidecar would not start, or nobody would reach it, as far as values.schema.json cannot: it sees single
values, and templates before they are filled in. What the form and range of each value are comes from the schema, in files/rules.json.
*/}}
{{- define "lazypirate.check" -}}
{{- $config := include "lazypirate.config" . | fromYaml -}}
{{- with $config.Error -}}
{{- fail (printf "lazypirate.config is not YAML once its templates are filled in: %s" .) -}}
{{- end -}}
{{- $rules := .Subcharts.lazypirate.Files.Get "files/rules.json" | fromJson -}}
{{- include "lazypirate.checkRules" (list $rules.top "" $config) -}}
{{- include "lazypirate.checkOrder" (list $rules.ordered false "" $config) -}}
{{- include "lazypirate.checkAdmin" (list . $config) -}}
{{- include "lazypirate.checkTracing" (list . ($config.tracing | default dict)) -}}
{{- include "lazypirate.checkGrace" (list . $config) -}}
{{- include "lazypirate.checkClashes" $config -}}
{{- include "lazypirate.checkValues" (list . (len $config.routes)) -}}
{{- range $index, $route := $config.routes -}}
{{- $at := printf "routes[%d]." $index -}}
{{- include "lazypirate.checkRules" (list $rules.routes $at $route) -}}
{{- include "lazypirate.checkOrder" (list $rules.ordered true $at $route) -}}
{{- include "lazypirate.checkRoute" (list $ $at $route) -}}
{{- end -}}
{{- end }}

{{/* Refuses a context without the values of this chart. */}}
{{- define "lazypirate.checkContext" -}}
{{- $values := kindIs "map" . | ternary . dict -}}
{{- if not (kindIs "map" ($values.Values | default dict).lazypirate) -}}
{{- fail "The templates of lazypirate find no values below `lazypirate`. Pass the context of the chart, which is `$` inside `with` and `range`; and give the dependency no alias" -}}
{{- end -}}
{{- end }}

{{/* Ends with one message. Takes a list: key in the configuration, what is wrong. */}}
{{- define "lazypirate.refuse" -}}
{{- fail (printf "lazypirate.config.%s %s" (first .) (last .)) -}}
{{- end }}

{{/* Milliseconds of a duration, or bytes of a size. */}}
{{- define "lazypirate.amount" -}}
{{- if kindIs "string" . -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "B" 1 "KiB" 1024 "MiB" 1048576 "GiB" 1073741824 -}}
{{ mulf (regexFind "^[0-9.]+" . | float64) (get $units (regexFind "[A-Za-z]*$" .) | default 1) }}
{{- else -}}
{{ . }}
{{- end -}}
{{- end }}

{{/* Form and range of each value. Takes a list: rules, where, object. */}}
{{- define "lazypirate.checkRules" -}}
{{- $at := index . 1 -}}
{{- $object := index . 2 -}}
{{- range $rule := index . 0 -}}
{{- $value := $object -}}
{{- range $rule.path -}}
{{- $value = kindIs "map" $value | ternary (index (kindIs "map" $value | ternary $value dict) .) nil -}}
{{- end -}}
{{- range $one := kindIs "slice" $value | ternary $value (list $value) -}}
{{- $isText := kindIs "string" $one -}}
{{- if and (or $isText (kindIs "float64" $one)) (not (has $one $rule.except)) -}}
{{- $isWrong := and $isText (not (regexMatch $rule.pattern (toString $one))) -}}
{{- if and (not $isWrong) (hasKey $rule "most") -}}
{{- $amount := include "lazypirate.amount" $one | float64 -}}
{{- $isWrong = or (lt $amount $rule.least) (gt $amount $rule.most) -}}
{{- end -}}
{{- if $isWrong -}}
{{- include "lazypirate.refuse" (list (printf "%s%s" $at (join "." $rule.path)) (printf "must be %s, and %s is not" $rule.words (toJson $one))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What must not be above what. Takes a list: pairs, whether of a route, where, object. */}}
{{- define "lazypirate.checkOrder" -}}
{{- $isOfRoute := index . 1 -}}
{{- $at := index . 2 -}}
{{- $parent := index . 3 -}}
{{- range $pair := index . 0 -}}
{{- $given := index $parent $pair.object -}}
{{- if and (eq $pair.isOfRoute $isOfRoute) (kindIs "map" $given) -}}
{{- /* Not with merge, which takes 0 for nothing. */ -}}
{{- $less := index (hasKey $given $pair.less | ternary $given $pair.defaults) $pair.less -}}
{{- $more := index (hasKey $given $pair.more | ternary $given $pair.defaults) $pair.more -}}
{{- if gt (include "lazypirate.amount" $less | float64) (include "lazypirate.amount" $more | float64) -}}
{{- include "lazypirate.refuse" (list (printf "%s%s.%s" $at $pair.object $pair.more) (printf "(%v) must be at least %s (%v)" $more $pair.less $less)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Takes a list: context, configuration. */}}
{{- define "lazypirate.checkAdmin" -}}
{{- $listen := dig "admin" "listen" "[::]:9555" (last .) -}}
{{- if regexMatch "^(localhost|127[.].*|\\[[0:]*:0*1\\]|\\[::[fF]{4}:127[.].*):[0-9]+$" $listen -}}
{{- include "lazypirate.refuse" (list "admin.listen" "must not be loopback: the kubelet and Prometheus connect from outside the pod") -}}
{{- end -}}
{{- if not (regexMatch "^([*]|0[.]0[.]0[.]0|\\[[0:]+\\]):0*[1-9][0-9]*$" $listen) -}}
{{- include "lazypirate.refuse" (list "admin.listen" (printf "must be every address of the pod and a fixed port, such as 0.0.0.0:9555, and %s is not: nobody knows the addresses of pods in advance, and the probes need the port" $listen)) -}}
{{- end -}}
{{- $inspect := toString (dig "admin" "inspect" "127.0.0.1:9556" (last .)) -}}
{{- if not (or (has $inspect (list "off" "false")) (dig "admin" "expose" false (last .)) (regexMatch "^(localhost|127[.].*|\\[[0:]*:0*1\\]|\\[::[fF]{4}:127[.].*):[0-9]+$" $inspect)) -}}
{{- include "lazypirate.refuse" (list "admin.inspect" (printf "(%s) can be reached from other pods. Keep it on 127.0.0.1, which kubectl port-forward reaches, or say expose: true" $inspect)) -}}
{{- end -}}
{{- with dig "admin" "debugDirectory" "" (last .) -}}
{{- if not (include "lazypirate.isMounted" (list (first $) .)) -}}
{{- include "lazypirate.refuse" (list "admin.debugDirectory" (printf "(%s) is in no volume of the sidecar: lazypirate.extraVolumes and lazypirate.extraVolumeMounts put an emptyDir there" .)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Takes a list: context, what the configuration says of tracing. */}}
{{- define "lazypirate.checkTracing" -}}
{{- $tracing := last . -}}
{{- if and $tracing.stripParent (not (hasKey $tracing "parentFrame")) -}}
{{- include "lazypirate.refuse" (list "tracing.stripParent" "needs parentFrame: which frame to strip") -}}
{{- end -}}
{{- with $tracing.headersFile -}}
{{- include "lazypirate.checkSecret" (list (first $) "tracing.headersFile" .) -}}
{{- end -}}
{{- end }}

{{/* Takes a list: context, configuration. */}}
{{- define "lazypirate.checkGrace" -}}
{{- $grace := (first .).Values.lazypirate.terminationGracePeriodSeconds -}}
{{- $timeout := dig "drain" "timeout" "25s" (last .) -}}
{{- if gt (addf (include "lazypirate.amount" $timeout | float64) 1000) (mulf $grace 1000) -}}
{{- include "lazypirate.refuse" (list "drain.timeout" (printf "(%v) must be at least a second below the grace period of the pod (%vs), or Kubernetes kills the sidecar while it drains. Lower it, or raise terminationGracePeriodSeconds in your pod and set lazypirate.terminationGracePeriodSeconds to the same" $timeout $grace)) -}}
{{- end -}}
{{- end }}

{{/* An address in the spelling in which it is compared. */}}
{{- define "lazypirate.address" -}}
{{- $address := regexReplaceAll "\\[::[fF]{4}:([0-9.]+)\\]" . "${1}" | replace "localhost" "127.0.0.1" | replace "*" "0.0.0.0" -}}
{{ regexReplaceAll ":0+([0-9])" $address ":${1}" }}
{{- end }}

{{/* Two routes of one name, or two listeners of one address. */}}
{{- define "lazypirate.checkClashes" -}}
{{- $listeners := list (dict "at" "admin.listen" "address" (printf "tcp://%s" (dig "admin" "listen" "[::]:9555" .))) -}}
{{- $inspect := toString (dig "admin" "inspect" "127.0.0.1:9556" .) -}}
{{- if not (has $inspect (list "off" "false")) -}}
{{- $at := printf "tcp://%s" $inspect -}}
{{- if include "lazypirate.isTaken" (list (include "lazypirate.address" $at) (include "lazypirate.address" (first $listeners).address)) -}}
{{- include "lazypirate.refuse" (list "admin.inspect" (printf "(%s) is taken: admin.listen is %s" $inspect (trimPrefix "tcp://" (first $listeners).address))) -}}
{{- end -}}
{{- $listeners = append $listeners (dict "at" "admin.inspect" "address" $at) -}}
{{- end -}}
{{- $names := dict -}}
{{- range $index, $route := .routes -}}
{{- with index $names (toString $route.name) -}}
{{- include "lazypirate.refuse" (list (printf "routes[%d].name" $index) (printf "(%s) is the name of %s as well" $route.name .)) -}}
{{- end -}}
{{- $_ := set $names (toString $route.name) (printf "routes[%d]" $index) -}}
{{- $mine := include "lazypirate.address" (toString $route.listen) -}}
{{- range $listeners -}}
{{- if include "lazypirate.isTaken" (list $mine (include "lazypirate.address" .address)) -}}
{{- include "lazypirate.refuse" (list (printf "routes[%d].listen" $index) (printf "(%s) is taken: %s is %s" $route.listen .at (trimPrefix "tcp://" .address))) -}}
{{- end -}}
{{- end -}}
{{- $listeners = append $listeners (dict "at" (printf "routes[%d].listen" $index) "address" (toString $route.listen)) -}}
{{- end -}}
{{- end }}

{{/* Not empty where one cannot listen while the other does. Takes a list of two addresses in their one spelling. */}}
{{- define "lazypirate.isTaken" -}}
{{- $one := first . -}}
{{- $other := last . -}}
{{- $port := regexFind ":[0-9]+$" $one -}}
{{- if eq $one $other -}}
{{- if ne $port ":0" -}}yes{{- end -}}
{{- else if and $port (ne $port ":0") (hasSuffix $port $other) (hasPrefix "tcp://" $one) (hasPrefix "tcp://" $other) -}}
{{- range list (list $one $other) (list $other $one) -}}
{{- $host := regexReplaceAll ":[0-9]+$" (first .) "" -}}
{{- if or (eq $host "tcp://[::]") (and (eq $host "tcp://0.0.0.0") (not (hasPrefix "tcp://[" (last .)))) -}}yes{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What one route cannot have at the same time. Takes a list: context, where, route. */}}
{{- define "lazypirate.checkRoute" -}}
{{- $root := index . 0 -}}
{{- $at := index . 1 -}}
{{- $route := index . 2 -}}
{{- $upstream := $route.upstream | default dict -}}
{{- if ne 1 (len (pick $upstream "endpoints" "kubernetes" "dns")) -}}
{{- include "lazypirate.refuse" (list (printf "%supstream" $at) "must have exactly one of endpoints, kubernetes, dns") -}}
{{- end -}}
{{- if $upstream.kubernetes -}}
{{- if ne 1 (len (pick $upstream.kubernetes "service" "podSelector")) -}}
{{- include "lazypirate.refuse" (list (printf "%supstream.kubernetes" $at) "must have exactly one of service, podSelector") -}}
{{- end -}}
{{- if regexMatch "^[0-9]+$" (kindIs "string" $upstream.kubernetes.port | ternary $upstream.kubernetes.port "") -}}
{{- include "lazypirate.refuse" (list (printf "%supstream.kubernetes.port" $at) (printf "(%q) is a text, as everything that a template makes: write the number itself, or the name of the port" $upstream.kubernetes.port)) -}}
{{- end -}}
{{- end -}}
{{- $listen := include "lazypirate.address" (toString $route.listen) -}}
{{- if not (or $route.allowNonLoopback $route.listenCurve (regexMatch "^(ipc:|tcp://127[.]|tcp://\\[[0:]*:0*1\\]:)" $listen)) -}}
{{- include "lazypirate.refuse" (list (printf "%slisten" $at) (printf "(%s) can be reached from other pods. Listen on 127.0.0.1 or ipc, or configure listenCurve, or say allowNonLoopback: true" $route.listen)) -}}
{{- end -}}
{{- with regexFind "[$]([0-9A-Za-z_]+|[{][^}]*[}]|[(][^)]*[)])" (toString $route.listen) -}}
{{- include "lazypirate.refuse" (list (printf "%slisten" $at) (printf "(%s): variables such as %s are not expanded here" $route.listen .)) -}}
{{- end -}}
{{- if and (eq "zmtp" (toString $route.transport)) (or $route.curve $route.listenCurve) -}}
{{- include "lazypirate.refuse" (list (printf "%stransport" $at) "has no CURVE: with curve or listenCurve it must be libzmq") -}}
{{- end -}}
{{- if and $route.listenMode (not (hasPrefix "ipc:///" $listen)) -}}
{{- include "lazypirate.refuse" (list (printf "%slistenMode" $at) (printf "is for a listener with an ipc path, and %s is none: a port or an abstract name has no mode" $route.listen)) -}}
{{- end -}}
{{- if regexMatch "^([0-9]+[.]){3}[0-9]+$" (toString (dig "dns" "name" "" $upstream)) -}}
{{- include "lazypirate.refuse" (list (printf "%supstream.dns.name" $at) (printf "(%s) must be a DNS name; write addresses into upstream.endpoints" $upstream.dns.name)) -}}
{{- end -}}
{{- $seen := list -}}
{{- range $upstream.endpoints -}}
{{- if regexMatch "^tcp://(0[.]0[.]0[.]0|\\[[0:]+\\]):" . -}}
{{- include "lazypirate.refuse" (list (printf "%supstream.endpoints" $at) (printf "%s is not an address that one can connect to" .)) -}}
{{- end -}}
{{- $endpoint := include "lazypirate.address" . -}}
{{- if has $endpoint $seen -}}
{{- include "lazypirate.refuse" (list (printf "%supstream.endpoints" $at) (printf "names %s twice" .)) -}}
{{- end -}}
{{- $seen = append $seen $endpoint -}}
{{- if or (eq $endpoint $listen) (and (regexMatch "^tcp://(127[.]|\\[::1\\])" $endpoint) (include "lazypirate.isTaken" (list $endpoint $listen))) -}}
{{- include "lazypirate.refuse" (list (printf "%supstream.endpoints" $at) (printf "must not be the route's own listener (%s)" $route.listen)) -}}
{{- end -}}
{{- end -}}
{{- if $route.hedge | default "off" | toString | ne "off" -}}
{{- if not (has "timeout" ($route.retryOn | default (list "timeout"))) -}}
{{- include "lazypirate.refuse" (list (printf "%shedge" $at) "sends again what may still be executed, so retryOn must have timeout") -}}
{{- end -}}
{{- $timeout := $route.timeout | default "2500ms" -}}
{{- if or (eq (toString $route.attempts) "1") (ge (include "lazypirate.amount" $route.hedge | float64) (include "lazypirate.amount" $timeout | float64)) -}}
{{- include "lazypirate.refuse" (list (printf "%shedge" $at) "must be less than timeout, and attempts more than 1, or it never happens") -}}
{{- end -}}
{{- end -}}
{{- $reply := $route.failureReply | default dict -}}
{{- if and (eq "static" (toString $reply.format)) (ne 1 (len (pick $reply "text" "base64"))) -}}
{{- include "lazypirate.refuse" (list (printf "%sfailureReply" $at) "must have exactly one of text, base64 beside format: static") -}}
{{- end -}}
{{- include "lazypirate.checkFiles" . -}}
{{- end }}

{{/* Files and sockets of a route have to be in a volume, since the file system of the container is read-only. Takes a list: context, where, route. */}}
{{- define "lazypirate.checkFiles" -}}
{{- $root := index . 0 -}}
{{- $at := index . 1 -}}
{{- $route := index . 2 -}}
{{- range $key := list "curve" "listenCurve" -}}
{{- range $name, $file := index $route $key | default dict -}}
{{- include "lazypirate.checkSecret" (list $root (printf "%s%s.%s" $at $key $name) $file) -}}
{{- end -}}
{{- end -}}
{{- include "lazypirate.checkSocket" (list $root (printf "%slisten" $at) (toString $route.listen)) -}}
{{- range ($route.upstream | default dict).endpoints -}}
{{- include "lazypirate.checkSocket" (list $root (printf "%supstream.endpoints" $at) .) -}}
{{- end -}}
{{- end }}

{{/* Takes a list: context, key in the configuration, address. */}}
{{- define "lazypirate.checkSocket" -}}
{{- $at := index . 1 -}}
{{- $path := trimPrefix "ipc://" (last .) -}}
{{- if regexMatch "^/(.*/)?[.][.]?(/.*)?$" $path -}}
{{- include "lazypirate.refuse" (list $at (printf "(%s) must be the path of a socket, without . and .." (last .))) -}}
{{- end -}}
{{- if and (hasPrefix "/" $path) (not (regexMatch "^/run/lazypirate/[^/]+$" $path)) (not (include "lazypirate.isMounted" (list (first .) $path))) -}}
{{- include "lazypirate.refuse" (list $at (printf "(%s) is in no volume of the sidecar: put the socket directly into /run/lazypirate, or in a directory of lazypirate.extraVolumeMounts" (last .))) -}}
{{- end -}}
{{- end }}

{{/* Refuses a file that is mounted nowhere. Takes a list: context, key in the configuration, file. */}}
{{- define "lazypirate.checkSecret" -}}
{{- if not (include "lazypirate.isMounted" (list (first .) (last .))) -}}
{{- include "lazypirate.refuse" (list (index . 1) (printf "(%s) is in no volume of the sidecar: lazypirate.extraVolumes and lazypirate.extraVolumeMounts put a Secret there" (last .))) -}}
{{- end -}}
{{- end }}

{{/* Not empty for a path in one of extraVolumeMounts. Takes a list: context, path. */}}
{{- define "lazypirate.isMounted" -}}
{{- $path := last . -}}
{{- range (first .).Values.lazypirate.extraVolumeMounts -}}
{{- if or (eq .mountPath $path) (hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $path) -}}yes{{- end -}}
{{- end -}}
{{- end }}

{{/* Values beside the configuration. Takes a list: context, number of routes. */}}
{{- define "lazypirate.checkValues" -}}
{{- $root := first . -}}
{{- $refused := list "POD_NAME" "POD_NAMESPACE" "LAZYPIRATE_ZONE" "LAZYPIRATE_CONFIG" "LAZYPIRATE_LISTEN" "LAZYPIRATE_UPSTREAM" "LAZYPIRATE_ADMIN_LISTEN" "LAZYPIRATE_ADMIN_INSPECT" -}}
{{- if gt (last .) 1 -}}
{{- $refused = concat $refused (list "LAZYPIRATE_TIMEOUT" "LAZYPIRATE_ATTEMPTS") -}}
{{- end -}}
{{- range $root.Values.lazypirate.extraEnv -}}
{{- if has .name $refused -}}
{{- fail (printf "lazypirate.extraEnv: %s is set by the chart, or makes the sidecar do something else than the chart has prepared; set it in lazypirate.config" .name) -}}
{{- end -}}
{{- end -}}
{{- $alerts := list -}}
{{- range include "lazypirate.alerts" $root | fromYamlArray -}}{{- $alerts = append $alerts .alert -}}{{- end -}}
{{- range $root.Values.lazypirate.alerts.disabled -}}
{{- if not (has . $alerts) -}}
{{- fail (printf "lazypirate.alerts.disabled: there is no alert %s; there are %s" . (join ", " $alerts)) -}}
{{- end -}}
{{- end -}}
{{- end }}
