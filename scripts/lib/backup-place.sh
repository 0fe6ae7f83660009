# shellcheck shell=bash
# For the scripts that back up and restore: where backups lie.
# Given: place (a directory's absolute path, or an rclone remote such as s3:bucket/phone-manager), die and say.
# shellcheck disable=SC2154 # see "Given"

export RCLONE_LOG_LEVEL=${RCLONE_LOG_LEVEL:-ERROR} # no notices

in_directory() { [[ $place == /* ]]; }

check_place() {
    local program
    for program in age sha256sum "$@"; do command -v "$program" >/dev/null || die "the program $program is missing"; done
    if in_directory; then
        [[ -d $place ]] || die "$place is not there; it is not made by itself, since it may be a disk that is not mounted"
    elif [[ $place == *:* ]]; then
        command -v rclone >/dev/null || die "$place is no directory's absolute path, and rclone, for all else, is not installed"
    else
        die "\"$place\" is neither the absolute path of a directory nor an rclone remote (NAME:BUCKET/PATH)"
    fi
}

# make_spool near | apart: a folder for files that are not whole yet; gone when the script ends. Near: on the disk of the place, so
# that putting them there is a rename.
make_spool() {
    local base=${TMPDIR:-/tmp}
    if [[ $1 == near ]] && in_directory; then
        base=$place
        find "$place" -maxdepth 1 -name '.spool.*' -mmin +2880 -exec rm -rf {} + # left by a power cut
    fi
    spool=$(mktemp -d "$base/.spool.XXXXXX") || die "cannot write in $base"
    trap 'end_watched; rm -rf "$spool"' EXIT
    trap 'exit 130' INT TERM HUP
}

# put FILE NAME: moves a file of the spool there, whole or not at all, and safe from a power cut.
put() {
    if in_directory; then
        mkdir -p "$(dirname "$place/$2")"
        sync "$1"
        mv -T "$1" "$place/$2"
        sync "$(dirname "$place/$2")"
    else # S3 shows an object when all of it has arrived
        rclone copyto "$1" "$place/$2" && rm "$1"
    fi
}

# get NAME FILE: 0 it is here now, 1 there is none of this name, 2 something is wrong with the place.
get() {
    local code=0
    rm -f "$2"
    if in_directory; then
        [[ -e $place/$1 ]] || return 1
        cp "$place/$1" "$2" || return 2
    else
        rclone copyto "$place/$1" "$2" 2>"$2.log" || code=$?
        [[ $code == 0 && -e $2 ]] && return
        [[ $code == [034] ]] && return 1 # rclone: directory, or file, not found
        cat "$2.log" >&2
        return 2
    fi
}

# The names in a folder, in order. None where there is no such folder.
list() {
    if in_directory; then
        [[ ! -d $place/$1 ]] || find "$place/$1" -maxdepth 1 -type f -printf '%f\n' | sort
    else
        local code=0
        rclone lsf --files-only "$place/$1" >"$spool/list" 2>"$spool/list.log" || code=$?
        [[ $code == [03] ]] || { cat "$spool/list.log" >&2; return 2; }
        sort "$spool/list"
    fi
}

# forget FOLDER: deletes files there; their names come from standard input.
forget() {
    if in_directory; then (cd "$place/$1" && tr '\n' '\0' | xargs -0 -r rm -f --)
    else
        cat >"$spool/forget"
        [[ ! -s $spool/forget ]] || rclone delete --files-from-raw "$spool/forget" "$place/$1"
    fi
}

# The files of a folder that are whole: their checksum was written after them.
complete() { list "$1" | sed -n 's/\.sha256$//p'; }

# keep FILE NAME: puts a file and then its checksum, and reads back what has arrived.
keep() {
    local name=$2 sum size
    sum=$(sha256sum <"$1" | cut -c 1-64)
    size=$(stat -c %s "$1")
    put "$1" "$name" || die "cannot write $name to $place"
    [[ $(stored_sum "$name") == "$sum" ]] || die "what has arrived at $place/$name is not what was sent"
    printf '%s  %s\n' "$sum" "$(basename "$name")" >"$spool/sum"
    put "$spool/sum" "$name.sha256" || die "cannot write $name.sha256 to $place"
    say "$place/$name: $(numfmt --to=iec "$size")B"
}
stored_sum() {
    if in_directory; then sha256sum <"$place/$1"; else rclone cat "$place/$1" | sha256sum; fi | cut -c 1-64
}

# fetch NAME FILE: gets a file that is whole; ends the script otherwise.
fetch() {
    get "$1.sha256" "$spool/sum" || die "$place has no $1, or not all of it (its checksum is missing)"
    get "$1" "$2" || die "cannot read $1 from $place"
    [[ $(sha256sum <"$2" | cut -c 1-64) == "$(cut -c 1-64 "$spool/sum")" ]] || die "$place/$1 is damaged: it does not match its checksum"
}

# watched FILE WHAT COMMAND…: runs what makes a file, in a process group of its own, so that it goes when the script is stopped; tells
# of the file's size each ten seconds. It ends when the file has not grown for $patience seconds, where that is set.
watched() {
    local file=$1 what=$2 code=0
    shift 2
    set -m
    { trap - ERR; "$@"; } &
    job=$!
    set +m
    tell_progress &
    progress=$!
    wait "$job" || code=$?
    end_watched
    return "$code"
}
tell_progress() {
    local size last=-1 since=$SECONDS
    exec 9>&- # the lock is the script's
    trap - ERR
    while sleep 10 &>/dev/null && kill -0 "$job" 2>/dev/null; do # gone with the script, too
        size=$(stat -c %s "$file" 2>/dev/null || echo 0)
        ((size == last)) || since=$SECONDS
        last=$size
        if [[ -n ${patience:-} ]] && ((SECONDS - since >= patience)); then
            : >"$spool/stalled"
            kill -- "-$job"
            return
        fi
        say "$what: $(numfmt --to=iec "$size")B so far"
    done
}
end_watched() {
    if [[ -n ${job:-} ]]; then kill -- "-$job" 2>/dev/null || true; wait "$job" 2>/dev/null || true; fi
    if [[ -n ${progress:-} ]]; then kill "$progress" 2>/dev/null || true; wait "$progress" 2>/dev/null || true; fi
    job='' progress=''
}

# belongs FOLDER SOURCE: ends the script where the folder holds backups of another cluster or database, as a file beside it tells;
# belongs FOLDER SOURCE now: makes that file, where there is none.
belongs() {
    local code=0
    get "$1.of" "$spool/of" || code=$?
    case $code in
        0) [[ $(<"$spool/of") == "$2" ]] ||
            die "$place/$1 is of $(<"$spool/of"), this is $2. If that is what this one was, delete $place/$1.of; else use another place" ;;
        1) [[ -z ${3:-} ]] || { echo "$2" >"$spool/of"; put "$spool/of" "$1.of" || die "cannot write $1.of to $place"; } ;;
        *) die "$place cannot be read" ;;
    esac
}

# For psql and the like: the database of PM__DATABASE__URL, else that of libpq's own variables and files.
use_backed_up_database() {
    [[ -n ${PM__DATABASE__URL:-} ]] || return 0
    local settings
    settings=$("$(dirname "${BASH_SOURCE[0]}")/../database-variables" <<<"$PM__DATABASE__URL") || die 'PM__DATABASE__URL cannot be understood'
    eval "$settings"
    unset PGSERVICE # whose settings would come first
}
sql() { psql -XqAtw -v ON_ERROR_STOP=1 "$@"; }

# known_erasures IDENTITY FILE: gets all that scripts/erasures has exported; erase_again FILE: erases those who are there.
known_erasures() {
    local name
    : >"$2"
    complete erasures >"$spool/names"
    while read -r name; do
        fetch "erasures/$name" "$spool/one"
        age --decrypt --identity "$1" "$spool/one" >>"$2"
    done <"$spool/names"
}
erase_again() {
    {
        echo "set timezone = 'UTC'; create temporary table erased (device_id uuid, erased_at timestamptz);"
        echo 'copy erased from stdin (format csv);'
        cat "$1"
        echo '\.'
        echo 'select count(admin.erase_device(d.device_id)) from core.devices d'
        echo 'where exists (select from erased e where e.device_id = d.device_id and e.erased_at >= d.created_at);'
    } | sql -f - >"$spool/count"
    say "of $(sort -u "$1" | wc -l) erasures that are known, $(<"$spool/count") had to be done again"
}
