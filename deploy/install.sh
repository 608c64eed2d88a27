#!/bin/bash
# Installs units, users and log limits from an unpacked release in /opt/dpca. Starts and enables nothing, overwrites no
# configuration. DESTDIR installs below another root and makes no users (packaging, tests).
set -euo pipefail
destdir=${DESTDIR:-}
from=$(cd "$(dirname "$0")" && pwd)

install -d "$destdir/etc/systemd/system/dpca-.service.d" "$destdir/etc/systemd/journald.conf.d" \
  "$destdir/etc/logrotate.d" "$destdir/etc/sysusers.d" "$destdir/etc/dpca"
install -m 0644 "$from"/systemd/*.service "$from"/systemd/*.timer "$destdir/etc/systemd/system/"
install -m 0644 "$from"/systemd/dpca-.service.d/*.conf "$destdir/etc/systemd/system/dpca-.service.d/"
install -m 0644 "$from"/journald/*.conf "$destdir/etc/systemd/journald.conf.d/"
install -m 0644 "$from"/logrotate/nitro-enclaves "$destdir/etc/logrotate.d/nitro-enclaves"
install -m 0644 "$from"/sysusers/dpca.conf "$destdir/etc/sysusers.d/dpca.conf"
[ -e "$destdir/etc/dpca/enclave.env" ] || install -m 0644 "$from/enclave.env" "$destdir/etc/dpca/enclave.env"

if [ -z "$destdir" ]; then
  systemd-sysusers
  install -d -m 0700 -o dpca -g dpca /var/lib/dpca
  systemctl daemon-reload
  systemctl try-restart systemd-journald.service
fi
echo "installed; next: docs/operating.md"
