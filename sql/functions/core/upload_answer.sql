-- core.upload_answer(points, stored): the answer to an upload of so many points, so many of which were new.

create function core.upload_answer(p_points integer, p_stored integer) returns json
language sql stable
return case
    when p_stored = p_points then json_build_object('success', true, 'processed_count', p_points)
    else json_build_object('success', true, 'processed_count', p_points, 'duplicate_count', p_points - p_stored)
end;

comment on function core.upload_answer(integer, integer) is 'The answer to an upload.';
revoke all on function core.upload_answer(integer, integer) from public;
