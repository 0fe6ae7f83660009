select plain();
