select errors_as_array(batch) from points;
