"use strict";
// Fills what is typed into the form of a source into the statements that the clinic's technician runs.
(() => {
  const sql = document.getElementById("sql");
  const typed = (name) => (document.getElementById("f-" + name)?.value ?? "").trim().replace(/[`'"\\]/g, "");
  if (!sql) return;
  const template = sql.value;
  const fill = () => {
    const near = ["localhost", "127.0.0.1"].includes(typed("host"));
    const values = {NAMA_DATABASE: typed("database"), PENGGUNA: typed("user") || "antar", ALAMAT_ANTAR: near ? "127.0.0.1" : ""};
    sql.value = template.replace(/NAMA_DATABASE|PENGGUNA|ALAMAT_ANTAR/g, (word) => values[word] || word);
  };
  for (const name of ["host", "database", "user"]) document.getElementById("f-" + name)?.addEventListener("input", fill);
  fill();
})();
