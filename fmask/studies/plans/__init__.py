"""Plans of studies, frozen before their runs, and the check of tables against them."""
