-- core.job_lock(job): the advisory lock that the session holds which runs a job.

create function core.job_lock(p_job_name text) returns bigint
language sql immutable
return hashtextextended('job: ' || p_job_name, 0);

comment on function core.job_lock(text) is 'The advisory lock that the session holds which runs a job.';
revoke all on function core.job_lock(text) from public;
