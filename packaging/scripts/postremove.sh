#!/bin/sh
# Runs after the package is removed. The data folder, /var/lib/seagate, stays.
set -e
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
