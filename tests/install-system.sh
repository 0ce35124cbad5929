#!/bin/sh
# What the tests use beside Python, from the system's packages, where this user may install them: Chromium to
# drive the pages, Node.js to test and lint their program, PostgreSQL and MariaDB to load from. Tests that need
# what is missing skip, and say so.
missing=""
command -v chromium >/dev/null 2>&1 || missing="chromium"
[ -n "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
[ -x /usr/sbin/mariadbd ] && [ -x /usr/bin/my_print_defaults ] || missing="$missing mariadb-server-core mariadb-client-core"
for program in node:nodejs npm:npm; do
    command -v "${program%:*}" >/dev/null 2>&1 || missing="$missing ${program#*:}"
done
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    # no database of the system's own: the tests start theirs in a folder of theirs
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    # shellcheck disable=SC2086
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "not installed: $missing; the tests that need them will skip" >&2
fi
