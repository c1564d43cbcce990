#!/bin/sh
# Runs after the package is removed, and after it is purged. The data folder stays.
set -e
if [ "$1" = purge ]; then
    if [ -e /etc/seagate/root.env ]; then
        rm /etc/seagate/root.env
        echo "removed /etc/seagate/root.env, with the secret of the root client"
    fi
    rmdir /etc/seagate 2>/dev/null || true # unless somebody else has files there
    for folder in /var/lib/seagate /var/lib/private/seagate; do
        [ ! -e "$folder" ] || echo "the data of seagate is still in $folder"
    done
fi
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
