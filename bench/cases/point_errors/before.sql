select errors_as_rows(batch) from points;
