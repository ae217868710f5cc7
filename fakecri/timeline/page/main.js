// The page: its state, and what mouse, wheel, keys and fields do to it.

class Page {
  constructor(data) {
    this.model = new Model(data);
    this.canvas = document.getElementById("chart");
    this.stage = document.getElementById("stage");
    this.board = document.getElementById("board");
    this.painter = new Painter(this.canvas);
    this.panel = new Panel(this.model, (item) => this.choose(item));
    this.picked = null;
    this.fit();
    this.#open(data.range);
    showFacts(this.model);
    document.getElementById("reads-count").textContent =
      String(this.model.bars.filter((bar) => bar.read).length);
    showRules(this.model);
    showLegend(this.painter.colour);
    this.#labels();
    this.#listen();
    this.#layout();
  }

  // View.

  fit() {
    const [from, to] = this.model.extent;
    this.view = { from, to };
    this.soon();
  }

  // Begin with the span of time that was asked for.
  #open([from_ns, to_ns]) {
    const { records } = this.model;
    const first = from_ns === null ? 0 : records.findIndex((record) => record.v >= Number(from_ns));
    const after = to_ns === null ? -1 : records.findIndex((record) => record.v > Number(to_ns));
    const last = after < 0 ? records.length - 1 : after - 1;
    if (first < 0 || last <= first || (first === 0 && after < 0)) return;
    const wide = this.model.at(last) - this.model.at(first) || 1;
    this.#look(this.model.at(first) - wide * 0.02, wide * 1.04);
  }

  // Zoom about a place on the axis; below 1 it magnifies.
  zoom(factor, about = (this.view.from + this.view.to) / 2) {
    const [least, most] = this.model.extent;
    const smallest = this.model.axis === "time" ? 100 : 1;
    const before = this.view.to - this.view.from;
    const wide = Math.min(Math.max(before * factor, smallest), most - least);
    const from = about - ((about - this.view.from) / before) * wide;
    this.#look(from, wide);
  }

  pan(share) {
    const wide = this.view.to - this.view.from;
    this.#look(this.view.from + share * wide, wide);
  }

  #look(from, wide) {
    const [least, most] = this.model.extent;
    const begin = Math.max(Math.min(from, most - wide), least);
    this.view = { from: begin, to: begin + wide };
    this.soon();
  }

  setAxis(axis) {
    // What is in the middle stays in the middle.
    const index = this.model.indexAt((this.view.from + this.view.to) / 2);
    const [from, to] = this.model.extent;
    const share = (this.view.to - this.view.from) / (to - from);
    this.model.axis = axis;
    for (const each of ["order", "time"]) {
      document.getElementById(`axis-${each}`).setAttribute("aria-pressed", String(each === axis));
    }
    const [least, most] = this.model.extent;
    const wide = (most - least) * share;
    this.#look(this.model.records.length ? this.model.at(index) - wide / 2 : least, wide);
  }

  refresh() {
    const { model } = this;
    this.#labels();
    const found = model.words.length ? `${model.visible.length} of ${model.lanes.length} lanes` : "";
    document.getElementById("found").textContent = found;
    document.getElementById("empty").hidden = model.visible.length > 0;
    this.fit();
    this.#layout();
  }

  #layout() {
    this.board.style.height = `${this.model.height + 8}px`;
    this.width = Math.max(this.stage.clientWidth - LABELS_PX, 80);
    this.height = this.stage.clientHeight;
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${this.height}px`;
    this.soon();
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const { painter, model, view, width, height, picked } = this;
    if (width) painter.paint(model, view, this.stage.scrollTop, width, height, picked);
  }

  // Labels of lanes are buttons beside the canvas.

  #labels() {
    const { model } = this;
    const axis = element("li", model.axis === "time" ? "virtual time" : "order · virtual time",
      { class: "axis" });
    axis.style.height = `${AXIS_PX}px`;
    const labels = model.visible.map((index) => {
      const lane = model.lanes[index];
      const attempt = lane.attempt ? ` #${lane.attempt}` : "";
      const button = element("button", [
        element("b", `${lane.title}${attempt}`),
        lane.id ? element("small", short(lane.id)) : null,
      ], { type: "button", title: lane.id || lane.title,
        "aria-label": `${lane.kind} ${lane.title}${attempt}` });
      button.addEventListener("click", () => this.choose(lane));
      const label = element("li", button, {
        class: lane.kind === "container" ? "container" : "pod", "data-lane": lane.key });
      label.style.top = `${lane.y}px`;
      label.style.height = `${lane.height}px`;
      return label;
    });
    document.getElementById("labels").replaceChildren(axis, ...labels);
  }

  // Choosing.

  choose(item) {
    this.picked = item;
    this.panel.show(item);
    document.getElementById("panel").scrollTop = 0;
    if (item && item.key === undefined) this.#reveal(item);
    document.getElementById("said").textContent = item
      ? `${item.lane === undefined ? item.title : `${titleOf(this.model, item)}, ${this.model.lanes[item.lane].title}`}`
      : "";
    this.soon();
  }

  #reveal(item) {
    const { model, view, stage } = this;
    const lane = model.lanes[item.lane];
    const place = model.at(placeOf(item));
    const wide = view.to - view.from;
    if (place < view.from || place > view.to) this.#look(place - wide / 2, wide);
    if (lane.y === null) return;
    if (lane.y - AXIS_PX < stage.scrollTop) stage.scrollTop = lane.y - AXIS_PX;
    else if (lane.y + lane.height > stage.scrollTop + this.height) {
      stage.scrollTop = lane.y + lane.height - this.height;
    }
  }

  // The chosen thing's neighbours: in its lane by place, or in the next lane that has something.

  step(direction) {
    const { model, picked } = this;
    if (!picked || picked.lane === undefined) return this.#first();
    const items = this.#items(picked.lane);
    const next = items[items.indexOf(picked) + direction];
    return next ? this.choose(next) : undefined;
  }

  climb(direction) {
    const { model, picked } = this;
    if (!picked || picked.lane === undefined) return this.#first();
    const place = placeOf(picked);
    let at = model.visible.indexOf(picked.lane) + direction;
    for (; at >= 0 && at < model.visible.length; at += direction) {
      const items = this.#items(model.visible[at]);
      const near = items.reduce((best, item) =>
        (!best || Math.abs(placeOf(item) - place) < Math.abs(placeOf(best) - place) ? item : best), null);
      if (near) return this.choose(near);
    }
    return undefined;
  }

  #first() {
    const lane = this.model.visible.find((index) => this.#items(index).length > 0);
    if (lane !== undefined) this.choose(this.#items(lane)[0]);
  }

  #items(lane) {
    const { model } = this;
    return [
      ...model.laneBars[lane].filter((bar) => model.shows(bar)),
      ...model.laneMarks[lane].filter((mark) => mark.kind !== "fault" || mark.call === null),
    ].sort((one, other) => placeOf(one) - placeOf(other));
  }

  // Input.

  #listen() {
    const on = (id, act) => document.getElementById(id).addEventListener("click", act);
    on("axis-order", () => this.setAxis("order"));
    on("axis-time", () => this.setAxis("time"));
    on("zoom-in", () => this.zoom(1 / 1.6));
    on("zoom-out", () => this.zoom(1.6));
    on("fit", () => this.fit());
    const filter = document.getElementById("filter");
    filter.addEventListener("input", () => { this.model.filter(filter.value); this.refresh(); });
    const reads = document.getElementById("reads");
    reads.addEventListener("change", () => {
      this.model.showReads = reads.checked;
      this.model.refresh();
      this.refresh();
    });
    this.stage.addEventListener("scroll", () => this.soon());
    new ResizeObserver(() => this.#layout()).observe(this.stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.painter.learnColours();
      showLegend(this.painter.colour);
      this.soon();
    });
    document.addEventListener("keydown", (event) => this.#key(event));
    this.#mouse();
  }

  #mouse() {
    const { canvas } = this;
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.held = { x: event.clientX, y: event.clientY, moved: false };
    });
    canvas.addEventListener("pointermove", (event) => this.#hover(event));
    canvas.addEventListener("pointerleave", () => hint(null));
    canvas.addEventListener("pointerup", (event) => {
      const held = this.held;
      this.held = null;
      canvas.classList.remove("held");
      if (held && !held.moved) this.choose(this.#under(event));
    });
    canvas.addEventListener("pointercancel", () => { this.held = null; });
  }

  #under(event) {
    const box = this.canvas.getBoundingClientRect();
    return this.painter.under(event.clientX - box.left, event.clientY - box.top);
  }

  #wheel(event) {
    event.preventDefault();
    const scale = event.deltaMode === 1 ? 16 : 1;
    const along = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.pan((along * scale) / this.width);
      return;
    }
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    this.zoom(Math.exp(event.deltaY * scale * 0.0016), this.view.from + share * (this.view.to - this.view.from));
  }

  #hover(event) {
    if (this.held) {
      const dx = event.clientX - this.held.x, dy = event.clientY - this.held.y;
      if (!this.held.moved && Math.abs(dx) + Math.abs(dy) < 4) return;
      Object.assign(this.held, { moved: true, x: event.clientX, y: event.clientY });
      this.canvas.classList.add("held");
      this.pan(-dx / this.width);
      this.stage.scrollTop -= dy;
      hint(null);
      return;
    }
    const item = this.#under(event);
    this.canvas.classList.toggle("over", Boolean(item));
    hint(item && titleOf(this.model, item), event.clientX, event.clientY);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target instanceof HTMLInputElement && event.target.type === "search";
    if (event.key === "Escape") {
      if (typing && event.target.value === "") this.canvas.focus();
      else if (!typing) this.choose(null);
      return;
    }
    if (typing) return;
    const act = KEYS[event.key];
    const inChart = document.activeElement === this.canvas || document.activeElement === document.body;
    if (!act || (!inChart && !act.anywhere)) return;
    event.preventDefault();
    act.act(this, event);
  }
}

const LABELS_PX = 230;

const KEYS = {
  "+": { anywhere: true, act: (page) => page.zoom(1 / 1.6) },
  "=": { anywhere: true, act: (page) => page.zoom(1 / 1.6) },
  "-": { anywhere: true, act: (page) => page.zoom(1.6) },
  0: { anywhere: true, act: (page) => page.fit() },
  "/": { anywhere: true, act: () => document.getElementById("filter").focus() },
  ArrowRight: { act: (page, event) => (event.shiftKey ? page.pan(0.2) : page.step(1)) },
  ArrowLeft: { act: (page, event) => (event.shiftKey ? page.pan(-0.2) : page.step(-1)) },
  ArrowUp: { act: (page) => page.climb(-1) },
  ArrowDown: { act: (page) => page.climb(1) },
  PageUp: { act: (page) => { page.stage.scrollTop -= page.height * 0.8; } },
  PageDown: { act: (page) => { page.stage.scrollTop += page.height * 0.8; } },
  Enter: { act: () => document.getElementById("panel").focus() },
};

function placeOf(item) {
  return item.index === undefined ? item.begin : item.index;
}

function hint(text, x = 0, y = 0) {
  const place = document.getElementById("hint");
  place.hidden = !text;
  if (!text) return;
  place.textContent = text;
  place.style.left = `${Math.min(x + 14, window.innerWidth - place.offsetWidth - 8)}px`;
  place.style.top = `${Math.min(y + 16, window.innerHeight - place.offsetHeight - 8)}px`;
}

// For scripts that look at the page: where things are.
window.fakecriTimeline = new Page(JSON.parse(document.getElementById("recording").textContent));
