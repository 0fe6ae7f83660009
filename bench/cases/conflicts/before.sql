select careful();
