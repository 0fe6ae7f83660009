-- core.job_session(job): the process of the session that runs a job, that is, holds its lock; null where none does.

create function core.job_session(p_job_name text) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select l.pid
        from pg_catalog.pg_locks l
        join pg_catalog.pg_database d on d.oid = l.database and d.datname = current_database()
        where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and l.mode = 'ExclusiveLock'
            and (l.classid::bigint << 32 | l.objid::bigint) = core.job_lock(p_job_name));
end
$$;

comment on function core.job_session(text) is 'The process of the session that runs a job, else null.';
revoke all on function core.job_session(text) from public;
