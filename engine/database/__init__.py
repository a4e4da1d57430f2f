"""The database: connections and transactions, tables, migrations, audit log."""
