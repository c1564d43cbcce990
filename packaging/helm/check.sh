#!/bin/sh
# Renders the chart with many values, also with those that it must refuse: HELM=helm packaging/helm/check.sh
set -eu
cd "$(dirname "$0")"
rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT

render() { ${HELM:-helm} template seagate seagate "$@" >"$rendered" 2>&1; }

# accepts VALUES LINE: the chart has the line, spaces in front of it aside.
accepts() {
    render $1 || { cat "$rendered"; echo "the chart refuses $1"; exit 1; }
    sed 's/^ *//' "$rendered" | grep -qxF -e "$2" || { echo "with $1 the chart has no line $2"; exit 1; }
    # A name that is there twice is refused by the API, or hides the other.
    twice=$(sed -n 's/.*- {\{0,1\}name: \(SEAGATE_[A-Z_]*\).*/\1/p' "$rendered" | sort | uniq -d)
    [ -z "$twice" ] || { echo "with $1 the chart has twice: $twice"; exit 1; }
}

# refuses VALUES REASON
refuses() {
    ! render $1 || { echo "the chart takes $1"; exit 1; }
    grep -qF -e "$2" "$rendered" || { cat "$rendered"; echo "the chart does not say why it refuses $1"; exit 1; }
}

accepts "" "- {name: SEAGATE_SHUTDOWN_DELAY, value: \"5s\"}"
accepts "--set settings.SEAGATE_SHUTDOWN_DELAY=9s" "- {name: SEAGATE_SHUTDOWN_DELAY, value: \"9s\"}"
accepts "-f everything.yaml" "- mountPath: /tls"
accepts "-f everything.yaml" "- {name: SEAGATE_LIMITS_MESSAGE_BYTES, value: \"2097152\"}"
accepts "-f everything.yaml" "name: gateway-collector"
accepts "-f everything.yaml" "storageClassName: \"1234\""
accepts "-f everything.yaml" "ingressClassName: \"true\""
accepts "-f everything.yaml" "team: streams"
accepts "--set rootSecret=" "env:"
! grep -qE "secretRef|envFrom" "$rendered" || { echo "without a root secret the chart has a reference to one"; exit 1; }
refuses "--set replicas=3" "replicas"
refuses "--set persistence.enabled=false" "enabled"
refuses "--set image.repositry=x" "repositry"
refuses "--set service.port=70000" "port"
refuses "--set settings.SEAGATE_ROOT_CLIENT_SECRET=x" "SEAGATE_ROOT_CLIENT_SECRET"
refuses "--set extraEnv[0].name=SEAGATE_SHUTDOWN_DELAY,extraEnv[0].value=1s" "SEAGATE_SHUTDOWN_DELAY"
refuses "--set settings.log_level=debug" "log_level"
