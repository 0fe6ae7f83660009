# shellcheck shell=bash
# For the scripts that talk to a database: choose it, deploy to it, make keys in it. Sourced in the project's directory.

cluster=.dev/cluster

# Let psql and sqitch use the database of a URL.
use_url() {
    local settings
    [[ -x .venv/bin/python ]] || scripts/prepare external >&2 || return 1
    settings=$(.venv/bin/python scripts/database-variables <<<"$1") || return 1
    eval "$settings"
    unset PGSERVICE
}

# Let psql use the configured database, or else the private one, as the given role of the private cluster.
use_database() {
    if [[ -n ${PM__DATABASE__URL:-} ]]; then
        use_url "$PM__DATABASE__URL"
    else
        [[ -d $cluster ]] || { echo 'error: there is no private database yet; "make run" makes it' >&2; return 1; }
        scripts/cluster status "$cluster" >/dev/null || scripts/cluster start "$cluster"
        use_url "$(scripts/cluster url "$cluster" "$1")"
    fi
}

sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

# Deploy what is not deployed yet. sqitch records who did it; a machine that has no such setting needs no questions.
deploy() {
    SQITCH_FULLNAME=${SQITCH_FULLNAME:-Phone Manager} SQITCH_EMAIL=${SQITCH_EMAIL:-phone-manager@localhost} \
        PGAPPNAME=sqitch sqitch deploy --verify db:pg:
}

# Print a new API key: name, and true for an admin key.
create_key() {
    sql -v name="$1" -v admin="$2" <<'SQL'
select api_key from admin.create_api_key(p_name => :'name', p_is_admin => :'admin'::boolean);
SQL
}

# Write standard input to a file that only its owner may read, complete or not at all.
keep_secret() { (umask 077 && cat >"$1.new" && mv "$1.new" "$1"); }
