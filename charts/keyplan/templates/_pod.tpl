{{/*
The template of a pod. It is given a dict: root, identity (writer or reader), component, args, grace, resources, and for the
service ports, probes, spread and annotations. Nothing in it takes a secret value: credentials are named, not given.
*/}}
{{- define "keyplan.pod" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $own := get $values .identity -}}
{{- $writes := eq .identity "writer" -}}
{{- $credential := $own.credential.existingSecret | default $values.writer.credential.existingSecret -}}
{{- $sqlite := and $writes (eq $values.ledger.type "sqlite") -}}
metadata:
  labels:
    {{- include "keyplan.selector" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with merge (dict) $values.podAnnotations (.annotations | default dict) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ int .grace }}
  serviceAccountName: {{ include (printf "keyplan.%s" .identity) $root | quote }}
  automountServiceAccountToken: {{ or $own.serviceAccount.mountToken (gt (len $values.kubernetesSink.targets) 0) }}
  enableServiceLinks: false
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- include "keyplan.podSecurity" (dict "values" $values "sqlite" $sqlite) | nindent 2 }}
  {{- with .spread }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: keyplan
      image: {{ include "keyplan.image" $root | quote }}
      {{- with $values.image.pullPolicy }}
      imagePullPolicy: {{ . }}
      {{- end }}
      args:
        {{- toYaml .args | nindent 8 }}
      {{- with include "keyplan.env" . | trim }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      {{- with .ports }}
      ports:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .probes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- include "keyplan.containerSecurity" . | nindent 6 }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: manifest, mountPath: /etc/keyplan, readOnly: true}
        {{- if $credential }}
        - {name: credential, mountPath: /var/run/keyplan, readOnly: true}
        {{- end }}
        {{- if $sqlite }}
        - {name: ledger, mountPath: /ledger}
        {{- end }}
        {{- range $own.secretFiles }}
        - {name: {{ printf "secret-%s" .name }}, mountPath: {{ printf "/var/run/keyplan-secrets/%s" .name }}, readOnly: true}
        {{- end }}
        {{- if $values.notify.existingSecret }}
        - {name: notify, mountPath: /var/run/keyplan-notify, readOnly: true}
        {{- end }}
        {{- if $values.caBundle.existingConfigMap }}
        - {name: ca-bundle, mountPath: /etc/keyplan-ca, readOnly: true}
        {{- end }}
        {{- if .leakReports }}
        - {name: leak-reports, mountPath: /etc/keyplan-reports, readOnly: true}
        {{- end }}
        {{- if $values.tmp.enabled }}
        - {name: tmp, mountPath: /tmp}
        {{- end }}
  volumes:
    - name: manifest
      configMap: {name: {{ include "keyplan.manifest" $root | quote }}}
    {{- with $credential }}
    - name: credential
      secret: {secretName: {{ . | quote }}, defaultMode: 0440}
    {{- end }}
    {{- if $sqlite }}
    - name: ledger
      persistentVolumeClaim:
        claimName: {{ $values.ledger.sqlite.existingClaim | default (printf "%s-ledger" (include "keyplan.fullname" $root)) | quote }}
    {{- end }}
    {{- range $own.secretFiles }}
    - name: {{ printf "secret-%s" .name }}
      secret: {secretName: {{ .existingSecret | quote }}, defaultMode: 0440}
    {{- end }}
    {{- with $values.notify }}
    {{- if .existingSecret }}
    - name: notify
      secret:
        secretName: {{ .existingSecret | quote }}
        defaultMode: 0440
        items:
          - {key: {{ .key | quote }}, path: urls}
    {{- end }}
    {{- end }}
    {{- with $values.caBundle.existingConfigMap }}
    - name: ca-bundle
      configMap: {name: {{ . | quote }}}
    {{- end }}
    {{- with .leakReports }}
    - name: leak-reports
      configMap: {name: {{ . | quote }}}
    {{- end }}
    {{- if $values.tmp.enabled }}
    - name: tmp
      emptyDir: {medium: Memory, sizeLimit: {{ $values.tmp.sizeLimit | quote }}}
    {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The three numbers may be null, for clusters that choose them; everything else is fixed. */}}
{{- define "keyplan.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  {{- range $field := list "runAsUser" "runAsGroup" "fsGroup" }}
  {{- with get $.values.security $field }}
  {{ $field }}: {{ int64 . }}
  {{- end }}
  {{- end }}
  {{- if and .sqlite .values.security.fsGroup }}
  # Once only: at every mount it would make the ledger writable for the group, and keyplan refuses that.
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The ledger's URL and all credentials come from Secrets; an S3 URL never holds one. */}}
{{- define "keyplan.env" -}}
{{- $values := .root.Values -}}
{{- $own := get $values .identity -}}
{{- $ledger := $values.ledger -}}
{{- if or (eq .identity "writer") $values.reader.ledger.enabled }}
{{- if eq $ledger.type "postgres" }}
{{- $other := and (eq .identity "reader") $values.reader.ledger.existingSecret }}
- name: KEYPLAN_LEDGER
  valueFrom:
    {{- if $other }}
    secretKeyRef: {name: {{ $values.reader.ledger.existingSecret | quote }}, key: {{ $values.reader.ledger.key | quote }}}
    {{- else }}
    secretKeyRef: {name: {{ $ledger.postgres.existingSecret | quote }}, key: {{ $ledger.postgres.key | quote }}}
    {{- end }}
{{- else if eq $ledger.type "s3" }}
- {name: KEYPLAN_LEDGER, value: {{ $ledger.s3.url | quote }}}
{{- end }}
{{- end }}
{{- if $values.caBundle.existingConfigMap }}
- {name: SSL_CERT_FILE, value: {{ printf "/etc/keyplan-ca/%s" $values.caBundle.key | quote }}}
{{- end }}
{{- range $name, $value := $values.env }}
- {name: {{ $name | quote }}, value: {{ $value | quote }}}
{{- end }}
{{- range $own.secretEnv }}
- name: {{ .name | quote }}
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .key | quote }}}
{{- end }}
{{- end -}}

{{- define "keyplan.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}
