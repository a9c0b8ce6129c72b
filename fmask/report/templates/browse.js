"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const at = (id) => document.getElementById(id);
  const form = document.forms.filter;
  const grid = document.querySelector(".entries");
  const large = at("photo");
  const ERRORS = ["found wrongly", "missed", "spurious"];
  const LAYERS = [...new Set(all("[data-layer]").map((button) => button.dataset.layer))];
  const fields = [...form.elements].filter((field) => field.name);

  const entries = all("article", grid).map((element, place) => ({
    element,
    place,
    name: element.dataset.name,
    text: element.dataset.name.toLowerCase(),
    split: element.dataset.split,
    objects: Number(element.dataset.objects),
    faults: Number(element.dataset.faults),
    weight: Number(element.dataset.weight),
    items: all("tbody tr[data-keys]", element).map((row) => ({
      classes: row.dataset.classes.split("\n"),
      size: row.dataset.size,
      kind: row.dataset.kind,
      keys: row.dataset.keys.split(" "),
    })),
  }));
  const splits = [...new Set(entries.map((entry) => entry.split))];
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  let shown = entries;
  let opened = null;
  let hidden = [];

  // The state is in the fields of the form, `opened` and `hidden`, and in the hash of the address.
  const value = (name) => form.elements[name]?.value ?? "";

  const save = () => {
    const state = new URLSearchParams();
    for (const field of fields) {
      const usual = field.options ? field.options[0].value : "";
      if (field.value !== usual) state.set(field.name, field.value);
    }
    if (hidden.length) state.set("hide", hidden.join(" "));
    if (opened) state.set("photo", opened.name);
    const hash = state.toString();
    if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };

  const restore = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) {
      const wanted = state.get(field.name);
      const usual = field.options ? field.options[0].value : "";
      const known = !field.options || [...field.options].some((option) => option.value === wanted);
      field.value = wanted !== null && known ? wanted : usual;
    }
    hidden = LAYERS.filter((layer) => (state.get("hide") ?? "").split(" ").includes(layer));
    layer();
    filter();
    const entry = byName.get(state.get("photo"));
    if (entry) open(entry);
    else if (large.open) large.close();
  };

  const layer = () => {
    for (const name of LAYERS) document.body.classList.toggle(`no-${name}`, hidden.includes(name));
    for (const button of all("[data-layer]")) button.setAttribute("aria-pressed", String(!hidden.includes(button.dataset.layer)));
  };

  const toggle = (name) => {
    if (!LAYERS.includes(name)) return;
    hidden = hidden.includes(name) ? hidden.filter((each) => each !== name) : [...hidden, name];
    layer();
    save();
  };

  const byObjects = () => ["class", "size", "kind"].some((name) => value(name) !== "");

  const fits = (item) => {
    const kind = value("kind");
    return (value("class") === "" || item.classes.includes(value("class")))
      && (value("size") === "" || item.size === value("size"))
      && (kind === "" || (kind === "errors" ? ERRORS.includes(item.kind) : item.kind === kind));
  };

  const orders = {
    name: (a, b) => splits.indexOf(a.split) - splits.indexOf(b.split)
      || a.name.localeCompare(b.name, undefined, { numeric: true }) || a.place - b.place,
    objects: (a, b) => b.objects - a.objects || orders.name(a, b),
    worst: (a, b) => b.weight - a.weight || orders.name(a, b),
  };

  // Outlines of objects that do not match the filter are faded.
  const fade = (entry, matching) => {
    const keys = new Set(matching.flatMap((item) => item.keys));
    for (const outline of all("[data-key]", entry.element)) {
      outline.classList.toggle("faded", byObjects() && !keys.has(outline.dataset.key));
    }
  };

  const filter = () => {
    const text = value("q").trim().toLowerCase();
    const show = value("show");
    let objects = 0;
    shown = [];
    for (const entry of entries) {
      const matching = byObjects() ? entry.items.filter(fits) : entry.items;
      const isShown = entry.text.includes(text)
        && (value("split") === "" || entry.split === value("split"))
        && (show !== "empty" || entry.objects === 0)
        && (show !== "faults" || entry.faults > 0)
        && (!byObjects() || matching.length > 0);
      entry.element.hidden = !isShown;
      if (!isShown) continue;
      fade(entry, matching);
      objects += matching.length;
      shown.push(entry);
    }
    shown.sort(orders[value("sort")]);
    grid.append(...shown.map((entry) => entry.element));
    const photos = shown.length === entries.length ? `all ${shown.length} photos` : `${shown.length} of ${entries.length} photos`;
    form.querySelector("output").textContent = byObjects() ? `${photos}, ${objects} matching` : photos;
    document.querySelector(".none").hidden = shown.length > 0;
  };

  const light = (keys) => {
    for (const row of all("tr[data-keys]", large)) row.classList.toggle("lit", keys.some((key) => row.dataset.keys.split(" ").includes(key)));
    for (const outline of all("[data-key]", large)) outline.classList.toggle("faded", keys.length > 0 && !keys.includes(outline.dataset.key));
  };

  const open = (entry) => {
    opened = entry;
    const place = shown.indexOf(entry);
    at("photo-name").textContent = entry.name;
    at("photo-place").textContent = place < 0 ? "" : `${place + 1} of ${shown.length}`;
    at("previous").disabled = place <= 0;
    at("next").disabled = place < 0 || place === shown.length - 1;
    at("photo-picture").replaceChildren(entry.element.querySelector(".picture").cloneNode(true));
    const lists = all("table, ul", entry.element).map((list) => list.cloneNode(true));
    for (const list of lists) list.hidden = false;
    at("photo-objects").replaceChildren(...lists);
    light([]);
    if (!large.open) {
      large.showModal();
      large.focus();
    }
    large.scrollTop = 0;
    save();
  };

  const focus = (entry) => {
    const button = entry.element.querySelector(".open");
    button.focus({ preventScroll: true });
    entry.element.scrollIntoView({ block: "nearest" });
  };

  const columns = () => getComputedStyle(grid).gridTemplateColumns.split(" ").length;

  const move = (step) => {
    if (!shown.length) return;
    const here = large.open ? opened : shown.find((entry) => entry.element.contains(document.activeElement));
    const place = here ? shown.indexOf(here) + step : 0;
    const target = shown[place];
    if (!target) return;
    if (large.open) open(target);
    else focus(target);
  };

  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = event.target.matches("input, select, textarea");
    if (inField) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (at("keys").open) return;
    const rows = large.open ? 0 : columns();
    const steps = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1, ArrowDown: rows, ArrowUp: -rows };
    const actions = {
      "/": () => { large.close(); form.elements.q.focus(); },
      "?": () => at("keys").showModal(),
      a: () => toggle("annotations"),
      d: () => toggle("detections"),
    };
    if (steps[event.key]) move(steps[event.key]);
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  };

  const keysAt = (target) => {
    const found = target.closest?.("[data-key], [data-keys]");
    if (!found || !large.contains(found)) return [];
    const row = found.dataset.keys ? found : all("tr[data-keys]", large).find((each) => each.dataset.keys.split(" ").includes(found.dataset.key));
    return row ? row.dataset.keys.split(" ") : [found.dataset.key];
  };

  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { filter(); save(); }, 120);
  });
  form.addEventListener("reset", () => setTimeout(() => { filter(); save(); }));
  form.addEventListener("submit", (event) => event.preventDefault());
  grid.addEventListener("click", (event) => {
    const button = event.target.closest(".open");
    if (button) open(byName.get(button.closest("article").dataset.name));
  });
  for (const button of all("[data-layer]")) button.addEventListener("click", () => toggle(button.dataset.layer));
  for (const type of ["mouseover", "focusin"]) large.addEventListener(type, (event) => light(keysAt(event.target)));
  large.addEventListener("close", () => {
    const entry = opened;
    opened = null;
    save();
    if (entry && !entry.element.hidden && document.activeElement !== form.elements.q) focus(entry);
  });
  large.addEventListener("click", (event) => { if (event.target === large) large.close(); });
  at("previous").addEventListener("click", () => move(-1));
  at("next").addEventListener("click", () => move(1));
  at("close").addEventListener("click", () => large.close());
  at("help").addEventListener("click", () => at("keys").showModal());
  document.addEventListener("keydown", press);
  window.addEventListener("hashchange", restore);
  restore();
})();
