#!/bin/sh
# Runs after the package is installed or upgraded. It starts nothing: a gateway without a root client is of no use.
set -e
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
systemctl is-active --quiet seagate.service || exit 0
# An upgrade. The socket keeps the port open, and a gateway whose configuration this release refuses goes on as it is.
if seagate check --config /etc/seagate/seagate.toml >/dev/null; then
    systemctl restart seagate.service
else
    echo "seagate was not restarted: correct its configuration, and run: systemctl restart seagate" >&2
fi
