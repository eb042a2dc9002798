{{- define "llmworker-operator.labels" -}}
app.kubernetes.io/name: llmworker-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "llmworker-operator.selector" -}}
app.kubernetes.io/name: llmworker-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "llmworker-operator.name" -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
