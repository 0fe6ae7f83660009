# shellcheck shell=bash
# For scripts/cluster: where a private server lives, which user runs it, whether it runs, its passwords.
# Given: DIR (as the caller named it), throw_away, die and say. Sets: server_user, dir (the real directory), bin.
# shellcheck disable=SC2016 # the single-quoted commands are for the inner shell
# shellcheck disable=SC2154 # see "Given"

server_user=$(id -un)
[[ $(id -u) != 0 ]] || server_user=postgres

# Run a command as the server's user, with a small environment of its own. PGPASSFILE is for pg_cron: it opens an
# ordinary connection for each job, as the job's owner, and takes the password from there.
as_server() {
    local -a drop=()
    if [[ $(id -u) == 0 ]]; then drop=(setpriv "--reuid=$server_user" "--regid=$server_user" --init-groups --); fi
    "${drop[@]}" env -i PATH="$PATH" HOME=/ LC_ALL=C.UTF-8 PGPASSFILE="${dir:-}/pgpass" "$@"
}
write_private() { as_server sh -c 'umask 077 && cat >"$1.new" && mv "$1.new" "$1"' sh "$dir/$1"; }

# The directory of the server's programs: those of the data's version, else the newest.
find_programs() {
    local version candidate
    version=$(as_server cat "$dir/data/PG_VERSION" 2>/dev/null) || version=
    # shellcheck disable=SC2086 # the asterisk is meant
    for candidate in $(printf '%s\n' /usr/lib/postgresql/${version:-*}/bin | sort -rV) "$(pg_config --bindir 2>/dev/null)"; do
        [[ -x $candidate/initdb ]] && bin=$candidate && break
    done
    [[ -n ${bin:-} ]] || die "the server programs of PostgreSQL $version are not installed; try scripts/prepare"
    local found
    found=$("$bin/postgres" -V | grep -oE '[0-9]+' | head -n 1)
    ((found >= 15)) || die "PostgreSQL 15 or newer is needed; this is $found"
    [[ ${version:-$found} == "$found" ]] || die "$dir/data was made by PostgreSQL $version, which is not installed"
}

# Find the real directory behind DIR, or make one.
place() {
    local parent
    parent=$(dirname "$DIR")
    (umask 022 && mkdir -p "$parent")
    parent=$(realpath "$parent")
    dir=$parent/$(basename "$DIR")
    exec 8<"$parent" && flock 8
    if [[ -d $dir ]]; then
        dir=$(realpath "$dir")
    else
        rm -f "$dir" # a link whose target is gone
        mkdir "$dir"
        chown "$server_user" "$dir"
        # A socket's path has at most 107 characters, and "/.s.PGSQL.NNNNN" takes 15 of them.
        if ((${#dir} > 85)) || [[ $dir == *[!A-Za-z0-9_./@+-]* ]] || ! as_server test -w "$dir"; then
            rmdir "$dir"
            place_elsewhere "$dir"
        fi
    fi
    exec 8<&-
}
place_elsewhere() {
    local base=/tmp
    if [[ -z $throw_away ]]; then
        base=/var/lib/phone-manager # not /var/tmp: some systems remove old files there
        [[ $(id -u) == 0 ]] || base=$HOME/.local/state/phone-manager
        (umask 022 && mkdir -p "$base")
    fi
    dir=$(mktemp -d "$base/pm-cluster-XXXXXX")
    ((${#dir} <= 85)) || die "the path $dir is too long for a socket"
    chown "$server_user" "$dir"
    ln -s "$dir" "$1"
    say "$1 is a link to $dir (its own path does not suit the server)"
}

# The postmaster's pid, if it is alive and serves this very directory.
running_pid() {
    local pid
    pid=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) || return 1
    if [[ -d /proc/self ]]; then [[ $(readlink "/proc/$pid/cwd") == "$dir/data" ]] || return 1
    else as_server "$bin/pg_ctl" status -s -D "$dir/data" >/dev/null || return 1; fi
    echo "$pid"
}

# After a crash: let the old backends go, then remove what would confuse the next start. A number in postmaster.pid can
# belong to some other process by now (or to a zombie), and PostgreSQL would take it for a living server.
clear_remains() {
    [[ -d /proc/self ]] || return 0
    local try
    for try in {1..100}; do
        [[ -n $(find /proc -maxdepth 2 -name cwd -lname "$dir/data" 2>/dev/null) ]] || break
        sleep 0.1
    done
    ((try < 100)) || die "processes of an earlier server still use $dir/data"
    rm -f "$dir/data/postmaster.pid" "$dir"/.s.PGSQL.*
}

password_of() { sed -n "s/^\*:\*:\*:$1:\(.*\)$/\1/p" "$dir/pgpass" 2>/dev/null; }
# Print the password of a role, made and recorded at the first call.
ensure_password() {
    if [[ -z $(password_of "$1") ]]; then
        { cat "$dir/pgpass" 2>/dev/null || true
          echo "*:*:*:$1:$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"; } | write_private pgpass
    fi
    password_of "$1"
}
