#!/bin/sh
# Runs after the package is removed, and after it is purged. The data folder stays.
set -e
if [ "$1" = purge ] && [ -e /var/lib/seagate ]; then
    echo "the data of seagate is still in /var/lib/seagate and /var/lib/private/seagate"
fi
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
