# SPDX-License-Identifier: Apache-2.0
# Shared by demo and down: where the demo's cloud lives and which processes are its own.
set -euo pipefail
tree=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
home=${KILONOVA_DEMO_DIR:-/var/lib/kilonova-demo}
data=$home/data
export PATH=$tree/build:/usr/local/sbin:/usr/sbin:/sbin:$PATH PYTHONWARNINGS=ignore
# Proxies are for the internet, not for the loopback.
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
unset "${!OS_@}"

say() { printf '\033[1m%s\033[0m\n' "$*"; }
note() { printf '    \033[2m%s\033[0m\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

started_at() { # PID: when it was started, in ticks after boot; nothing if it is gone
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

remember() { # NAME PID: pids come again, so the start time goes with it
    echo "$2 $(started_at "$2")" >"$home/$1.pid"
}

pid_of() { # NAME: the pid of what we started, nothing if it is gone
    local pid start
    [ -f "$home/$1.pid" ] || return 0
    read -r pid start <"$home/$1.pid" || return 0
    [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ] && echo "$pid"
    return 0
}

end() { # NAME [SECONDS]: TERM, and KILL when that does not help
    local pid
    pid=$(pid_of "$1")
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || true
        for _ in $(seq $((${2:-15} * 20))); do
            [ -n "$(pid_of "$1")" ] || break
            sleep 0.05
        done
        [ -z "$(pid_of "$1")" ] || kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$home/$1.pid"
}
