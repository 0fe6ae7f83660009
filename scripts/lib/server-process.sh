# shellcheck shell=bash
# For scripts/run and scripts/stop: the server that runs from this directory. Sourced in the project's directory.
# A random id in the server's environment tells its processes from all others, whatever becomes of their numbers.

state_file=.dev/run.state

write_state() { printf '%s\n' "$@" >"$state_file"; }
# shellcheck disable=SC2034 # state_address is for the reader
read_state() {
    { read -r state_address && read -r state_id && read -r state_pid; } 2>/dev/null <"$state_file" && [[ -n $state_pid ]]
}

# The pids of the recorded server's processes.
server_processes() {
    read_state || return 0
    { grep -lsaxz "PM_RUN_ID=$state_id" /proc/[0-9]*/environ || true; } | cut -d / -f 3 | sort -n
}

# Those that no other of them started: the first, which ends its workers itself, or the workers that it left behind.
leading_processes() {
    local pids pid parent
    pids=$(server_processes)
    for pid in $pids; do
        parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
        grep -qx "$parent" <<<"$pids" || echo "$pid"
    done
}

listens() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# True once the server answers on a host and port that it is ready.
is_ready() {
    local answer
    answer=$(
        exec 2>/dev/null
        exec 3<>"/dev/tcp/$1/$2" || exit
        printf 'GET /api/health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
        read -r -t 2 line <&3 && echo "$line"
    ) || return 1
    [[ $answer == HTTP/1.?\ 200* ]]
}
