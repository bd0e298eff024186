"use strict";
(() => {
  const CHUNK = 100;
  const { columns, rows } = JSON.parse(document.getElementById("data").textContent);
  const table = document.getElementById("table");
  const head = table.tHead, body = table.tBodies[0];
  const more = document.getElementById("more"), all = document.getElementById("all");
  const order = rows.map((_, i) => i);
  let made = 0, sorted = 0, ascending = true;

  const text = (value) => {
    if (value === null) return "–";
    if (typeof value !== "number" || Number.isInteger(value)) return String(value);
    return String(Number(value.toPrecision(6)));
  };

  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  };

  const sort = () => {
    const sign = ascending ? 1 : -1;
    order.sort((i, j) => {
      const a = rows[i][sorted], b = rows[j][sorted];
      if (a === null || b === null) return (a === null) - (b === null) || i - j;
      return sign * compare(a, b) || i - j;
    });
  };

  const makeRow = (values) => {
    const line = document.createElement("tr");
    values.forEach((value, i) => {
      const cell = document.createElement(i === 0 ? "th" : "td");
      if (i === 0) cell.scope = "row";
      if (typeof value === "number") cell.className = "number";
      cell.textContent = text(value);
      line.append(cell);
    });
    return line;
  };

  const make = (n) => {
    const end = Math.min(rows.length, made + n);
    const lines = document.createDocumentFragment();
    for (; made < end; made++) lines.append(makeRow(rows[order[made]]));
    body.append(lines);
    more.hidden = all.hidden = made === rows.length;
    document.getElementById("count").textContent =
      `${made} of ${rows.length} trials, by ${columns[sorted]}, ${ascending ? "ascending" : "descending"}`;
  };

  const show = () => {
    sort();
    [...head.rows[0].cells].forEach((cell, i) => {
      if (i === sorted) cell.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
      cell.querySelector("span").textContent = i === sorted ? (ascending ? " ▲" : " ▼") : "";
    });
    made = 0;
    body.replaceChildren();
    make(CHUNK);
  };

  const line = document.createElement("tr");
  columns.forEach((name, i) => {
    const cell = document.createElement("th"), button = document.createElement("button");
    const mark = document.createElement("span");
    cell.scope = "col";
    button.type = "button";
    mark.setAttribute("aria-hidden", "true");
    button.append(name, mark);
    button.addEventListener("click", () => {
      ascending = sorted === i ? !ascending : true;
      sorted = i;
      show();
    });
    cell.append(button);
    line.append(cell);
  });
  head.append(line);
  more.addEventListener("click", () => make(CHUNK));
  all.addEventListener("click", () => make(rows.length));
  show();
})();
