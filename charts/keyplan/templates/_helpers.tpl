{{- define "keyplan.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{/* 45 characters: the longest name that comes of it is a CronJob's, which has 52. */}}
{{- define "keyplan.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" -}}
{{- else if contains (include "keyplan.name" .) .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "keyplan.name" .) | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "keyplan.selector" -}}
app.kubernetes.io/name: {{ include "keyplan.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "keyplan.labels" -}}
{{ include "keyplan.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "keyplan.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- .repository }}{{ with .tag }}:{{ . }}{{ end }}@{{ .digest -}}
{{- else -}}
{{- .repository }}:{{ .tag | default $.Chart.AppVersion -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "keyplan.manifest" -}}
{{- .Values.manifests.existingConfigMap | default (printf "%s-manifest" (include "keyplan.fullname" .)) -}}
{{- end -}}

{{/* Names of the two identities, so that what only looks needs no right to write. */}}
{{- define "keyplan.writer" -}}
{{- with .Values.writer.serviceAccount -}}
{{- .name | default (.create | ternary (printf "%s-apply" (include "keyplan.fullname" $)) "default") -}}
{{- end -}}
{{- end -}}

{{- define "keyplan.reader" -}}
{{- with .Values.reader.serviceAccount -}}
{{- .name | default (.create | ternary (printf "%s-drift" (include "keyplan.fullname" $)) "default") -}}
{{- end -}}
{{- end -}}

{{/* "true" if several processes on several machines can use the ledger. */}}
{{- define "keyplan.sharesLedger" -}}
{{- if has .Values.ledger.type (list "postgres" "s3") -}}
true
{{- else if eq .Values.ledger.type "manifest" -}}
{{- $shared := true -}}
{{- range .Values.manifests.names -}}
{{- with get $.Values.manifests.files . -}}
{{- $ledger := dig "ledger" "type" "sqlite" (fromYaml .) -}}
{{- if eq $ledger "sqlite" -}}{{- $shared = false -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $shared -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* Which CronJobs there are: in the mode `watch` the service does what `rotate` does. */}}
{{- define "keyplan.jobs" -}}
{{- $found := list -}}
{{- range list "drift" "plan" "rotate" "apply" -}}
{{- $fits := or (eq $.Values.mode "jobs") (has . (list "drift" "plan")) (and (eq . "apply") (include "keyplan.sharesLedger" $)) -}}
{{- if and $fits (get $.Values.jobs .).enabled -}}{{- $found = append $found . -}}{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}
