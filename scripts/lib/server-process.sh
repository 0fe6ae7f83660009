# shellcheck shell=bash
# For scripts/run and scripts/stop: the server that runs from this directory. Sourced in the project's directory.
# A random id in the server's environment tells its processes from all others, whatever becomes of their numbers.

state_file=.dev/run.state

write_state() { printf '%s\n' "$@" >"$state_file"; }
# shellcheck disable=SC2034 # state_address is for the reader
read_state() {
    { read -r state_address && read -r state_id && read -r state_pid; } 2>/dev/null <"$state_file" && [[ -n $state_pid ]]
}

# The pids of the recorded server's processes, the first started first.
server_processes() {
    read_state || return 0
    { grep -lsaxz "PM_RUN_ID=$state_id" /proc/[0-9]*/environ || true; } | cut -d / -f 3 | sort -n
}

# True once the server answers that it is ready.
is_ready() {
    local answer
    answer=$(
        exec 2>/dev/null
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
        printf 'GET /api/health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
        read -r -t 2 line <&3 && echo "$line"
    ) || return 1
    [[ $answer == HTTP/1.?\ 200* ]]
}
