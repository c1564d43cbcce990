#!/bin/sh
# Runs before the package is removed ("remove", or 0 for rpm), and before an upgrade, which stops nothing.
set -e
case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac
[ -d /run/systemd/system ] || exit 0
systemctl disable --now seagate.socket seagate.service
