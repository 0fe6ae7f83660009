# shellcheck shell=bash
# For scripts/cluster: the settings of a private server. Given: bin, dir, port.
# shellcheck disable=SC2154 # see "Given"

# The settings, written anew before each start.
configure() {
    local library preload=
    for library in pg_stat_statements pg_cron; do
        [[ -e $("$bin/pg_config" --pkglibdir)/$library.so ]] && preload+=${preload:+,}$library
    done
    sed 's/^ *//' <<CONF
        listen_addresses = '127.0.0.1'
        port = $port
        unix_socket_directories = '$dir'
        unix_socket_permissions = 0700
        password_encryption = 'scram-sha-256'
        shared_preload_libraries = '$preload'
        max_worker_processes = 16
        max_locks_per_transaction = 256
        jit = off
        timezone = 'UTC'
        log_timezone = 'UTC'
        # Positions and keys must not reach the log: no statements, no parameters, no details of errors.
        log_statement = 'none'
        log_error_verbosity = 'terse'
        log_min_error_statement = 'panic'
        log_parameter_max_length = 0
        log_parameter_max_length_on_error = 0
        pg_stat_statements.track_utility = off
CONF
    if [[ $preload == *pg_cron* ]]; then
        printf '%s\n' "cron.database_name = 'phone_manager'" "cron.host = '$dir'" 'cron.log_statement = off'
    fi
    if [[ -e $dir/throw-away ]]; then
        # Without fsync only a crash of the whole machine loses data; a SIGKILL of PostgreSQL, which tests do, does not.
        printf '%s\n' 'max_connections = 400' 'shared_buffers = 128MB' 'fsync = off' 'full_page_writes = off'
    else
        printf '%s\n' 'max_connections = 200' 'shared_buffers = 256MB'
    fi
}
