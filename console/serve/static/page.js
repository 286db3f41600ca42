// Fills the operators' page from snapshots that the server pushes. It only shows; every judgement was made before.
const lang = document.documentElement.dataset.lang;
const words = JSON.parse(document.getElementById("words").textContent);
const SILENT_MS = 6000;   // no snapshot for so long: the figures are old
const AGAIN_MS = 3000;    // a stream the browser gave up on is opened anew
const whole = new Intl.NumberFormat(lang === "zh" ? "zh-CN" : "en-GB");
const tenth = new Intl.NumberFormat(lang === "zh" ? "zh-CN" : "en-GB", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "short" });

const byId = (id) => document.getElementById(id);
const say = (pair) => pair[lang === "zh" ? 0 : 1];
const word = (name, values = {}) => (words[name] ?? name.replace(/^[a-z]+_/, "")).replace(/\{(\w+)\}/g, (_, key) => values[key]);
const known = (prefix, name) => words[prefix + name] ?? name;

function span(seconds) {
  if (seconds && seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${tenth.format(seconds)} ${words.seconds_short}`;
  if (seconds < 120) return `${Math.round(seconds)} ${words.seconds_short}`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} ${words.minutes_short}`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} ${words.hours_short}`;
  return `${Math.round(seconds / 86400)} ${words.days_short}`;
}

function make(name, content = "", className = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...[content].flat());
  return element;
}

// Only what changed is touched, so a selection or a screen reader's place survives.
const shownBefore = new Map();
function changed(name, value) {
  const text = JSON.stringify(value);
  if (shownBefore.get(name) === text) return false;
  shownBefore.set(name, text);
  return true;
}

function fill(name, text) {
  for (const element of document.querySelectorAll(`[data-fill="${name}"]`)) {
    if (element.textContent !== text) element.textContent = text;
  }
}

function rows(id, list, empty, row) {
  if (!changed(id, list)) return;
  const panel = byId(id);
  panel.querySelector("tbody").replaceChildren(...list.map((item) => {
    const line = document.createElement("tr");
    line.append(...row(item));
    return line;
  }));
  panel.querySelector(".scroll").hidden = !list.length;
  const note = panel.querySelector(".empty");
  note.hidden = list.length > 0;
  note.textContent = words[empty];
}

const cell = (content, className = "") => make("td", content, className);
const number = (value, className = "") => cell(whole.format(value), `n ${value ? className : "zero"}`);
const two = (title, id) => title === id ? cell(title) : cell([title, make("span", id, "id")]);

const GOOD = new Set(["running"]);
const BAD = new Set(["halted", "missing", "silent"]);
const WARN = new Set(["retrying", "leaving"]);
function state(name) {
  const tone = GOOD.has(name) ? "good" : BAD.has(name) ? "bad" : WARN.has(name) ? "warn" : "";
  return make("span", known("state_", name), `state ${tone}`);
}

function showOrigins(now) {
  const origins = now.origins.map(({ name, state: how }) => ({ name, how }));
  if (changed("origins", origins)) {
    byId("origins").replaceChildren(...origins.map(({ name, how }) => {
      const item = make("li", `${known("origin_", name)} ${words[how]}`);
      item.dataset.state = how;
      return item;
    }));
  }
  for (const { name, state: how, as_of } of now.origins) {
    for (const section of document.querySelectorAll(`[data-origin="${name}"]`)) {
      const old = how !== "fresh";
      section.classList.toggle("old", old);
      section.classList.toggle("unknown", !as_of);  // nothing was ever heard: an empty table would be a claim
      const age = section.querySelector(".age");
      age.hidden = !old;
      const text = as_of ? word("as_of", { time: clock.format(as_of) }) : word("waiting_for");
      if (age.textContent !== text) age.textContent = text;
    }
  }
}

function showAttention(list, ready) {
  if (!changed("attention", [list, ready])) return;
  const items = list.map((each) => {
    const item = make("li", [make("b", words[each.level]), make("span", say(each.problem)), make("span", say(each.advice), "advice")], each.level);
    item.dataset.code = each.code;
    return item;
  });
  if (!items.length && ready) items.push(make("li", [make("b", "✓"), make("span", words.all_well)], "well"));
  byId("attention").querySelector("ul").replaceChildren(...items);
  // Read out only when what is wrong changes, not when its numbers do.
  if (changed("announce", list.map((each) => each.code))) {
    byId("announce").textContent = list.map((each) => say(each.problem)).join(lang === "zh" ? "；" : "; ") || (ready ? words.all_well : "");
  }
}

const STAGES = ["arrived", "cleaned", "fixed", "delivered", "returned_up", "returned_down", "held_back", "quarantined", "duplicate"];
const ALWAYS = new Set(["arrived", "cleaned", "delivered", "quarantined"]);
function pairs(id, list) {
  if (!changed(id, list)) return;
  byId(id).replaceChildren(...list.map(([title, value, tone]) => make("div", [make("dt", title), make("dd", value)], tone)));
}

function showVolume(volume) {
  if (!volume) return;
  fill("day", volume.day);
  fill("exchange", whole.format(volume.exchange));
  fill("exchange-live", word("of_it_live", { n: whole.format(volume.exchange_live) }));
  const sums = { ...volume.stages, fixed: volume.fixed };
  pairs("stages", STAGES.filter((name) => sums[name] || ALWAYS.has(name)).map((name) => [words[`stage_${name}`], whole.format(sums[name] ?? 0), ""]));
}

const EXCHANGE = ["delivered", "returned_up", "returned_down"];
function showNow(now) {
  const rate = (names) => whole.format(Math.round(names.reduce((sum, name) => sum + (now.throughput[name] ?? 0), 0)));
  fill("rate-exchange", rate(EXCHANGE));
  fill("rate-arrived", rate(["arrived"]));
  const [half, most] = now.latency.delivered ?? now.latency.returned_up ?? [0, 0];
  fill("latency", most ? `${words.latency} p50 ${span(half / 1000)} · p99 ${span(most / 1000)}` : "");
}

function showPeaks(peaks) {
  if (!changed("peaks", peaks)) return;
  const lines = peaks.map((peak) => {
    const line = document.createElement("tr");
    const head = make("th", words[peak.width]);
    head.scope = "row";
    const when = peak.width === "second" ? clock.format(peak.at) : minute.format(peak.at);
    line.append(head, cell(whole.format(peak.records), "n"), cell([make("span", when, "when"), " ", make("span", say(peak.title), "who")]));
    return line;
  });
  if (!lines.length) lines.push(make("tr", cell(words.no_peak)));
  byId("peaks").querySelector("tbody").replaceChildren(...lines);
}

function showBooks(books, recorder) {
  if (!books || !changed("books", [books, recorder])) return;
  byId("books").querySelector(".verdict").dataset.state = books.state;
  fill("books-state", words[books.state]);
  fill("books-long", books.wrong.length ? books.wrong.slice(0, 3).map(([what, hour, by]) => `${what} ${minute.format(new Date(hour))} ${by > 0 ? "+" : ""}${whole.format(by)}`).join("，") : words[`${books.state}_long`]);
  const lines = ["balanced", "open", "partial", "imbalanced"].filter((name) => books.counts[name] || name === "balanced");
  const list = lines.map((name) => [words[`lines_${name}`], whole.format(books.counts[name] ?? 0), name === "imbalanced" ? "bad" : ""]);
  list.push([words.in_flight, whole.format(books.in_flight), ""]);
  if (recorder) list.push([words.recorder, recorder.behind < 0 ? "–" : whole.format(recorder.behind), ""]);
  pairs("books-lines", list);
}

const SVG = "http://www.w3.org/2000/svg";
function draw(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function showChart(minutes) {
  if (!minutes.length || !changed("chart", minutes)) return;
  const most = Math.max(1, ...minutes.flatMap(({ exchange, arrived }) => [exchange, arrived]));
  const step = 600 / minutes.length;
  const height = (value) => (value / most) * 92;
  const parts = [50, 100].map((share) => draw("line", { class: "grid", x1: 0, x2: 600, y1: 100 - height(most * share / 100), y2: 100 - height(most * share / 100) }));
  minutes.forEach(({ exchange, quarantined }, at) => {
    const last = at === minutes.length - 1 ? " partly" : "";
    const bar = (value, name) => draw("rect", { class: name + last, x: at * step + step * 0.12, width: step * 0.76, y: 100 - height(value), height: height(value) });
    if (exchange) parts.push(bar(exchange, "exchange"));
    if (quarantined) parts.push(bar(quarantined, "quarantined"));
  });
  const points = minutes.slice(0, -1).map(({ arrived }, at) => `${(at + 0.5) * step},${100 - height(arrived)}`).join(" ");
  parts.push(draw("polyline", { class: "arrived", points }));
  byId("chart").replaceChildren(...parts);
  const sum = (name) => whole.format(minutes.reduce((total, each) => total + each[name], 0));
  byId("chart").setAttribute("aria-label", word("chart_summary", { exchange: sum("exchange"), arrived: sum("arrived"), quarantined: sum("quarantined"),
    most: whole.format(Math.max(...minutes.map((each) => each.exchange))) }));
  fill("chart-top", whole.format(most));
  fill("chart-from", minute.format(minutes[0].at));
  fill("chart-to", minute.format(minutes.at(-1).at));
}

const DIMENSIONS = ["completeness", "validity", "consistency", "timeliness"];
const signed = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, signDisplay: "always" });
function share(figure) {
  const parts = [figure.shown];
  if (figure.flawed) parts.push(make("span", whole.format(figure.flawed), "id"));
  if (figure.week) parts.push(make("span", `${figure.week > 0 ? "▲" : "▼"} ${signed.format(figure.week)}`, "id"));
  return cell(parts, `n ${figure.fell ? "warn" : ""}`);
}

function showQuality(list) {
  rows("quality", list, "no_quality", (each) => [
    two(say(each.title), each.dataset || each.provider), number(each.records), ...DIMENSIONS.map((name) => share(each.figures[name])),
    cell(each.weakest ? [words[each.weakest], " ", make("span", each.history, "line")] : "–"),
    cell(each.worst.length ? each.worst.map((one) => make("span", `${say(one.title) || words.of_the_event}${lang === "zh" ? "：" : ": "}${say(one.problem)} ${whole.format(one.records)}`, "words")) : "–")]);
}

function showTables(now) {
  rows("lanes", now.lanes, "no_lanes", (lane) => [
    two(say(lane.title), lane.lane), number(lane.records, lane.seconds >= 30 ? "warn" : ""),
    cell(lane.records ? (lane.at_least ? `${words.at_least} ` : "") + span(lane.seconds) : "0", `n ${lane.records ? lane.seconds >= 30 ? "warn" : "" : "zero"}`),
    lane.held ? cell(words[`held_${lane.held}`], "warn") : cell(words[`basis_${lane.basis}`], "zero")]);
  fill("lanes-note", `${words.total} ${whole.format(now.lanes_total)} ${words.records}`);
  const heard = now.workers.map((worker) => ({ ...worker, heard: Math.max(0, Math.round((now.at - worker.updated) / 1000)) }));
  rows("workers", heard, "no_workers", (worker) => [
    cell(worker.worker), cell(state(worker.state)), number(Math.round(worker.per_second.arrived ?? 0)), number(worker.lag_records),
    cell(`${tenth.format(worker.transaction_ms)} ms`, "n"), number(worker.aborts), cell(worker.rss ? `${Math.round(worker.rss / 1e6)} MB` : "–", "n"),
    cell(span(worker.heard), "n")]);
  rows("connectors", now.connectors, "no_connectors", (each) => {
    const about = [each.instance, make("span", `${known("direction_", each.direction)} · ${each.kind}`, "id")];
    const how = [state(each.state)];
    if (each.phase) how.push(make("span", known("phase_", each.phase) + (each.eta_seconds ? ` · ${word("eta", { time: span(each.eta_seconds) })}` : ""), "words"));
    if (each.total && each.done < each.total) {
      const bar = document.createElement("progress");
      bar.max = each.total;
      bar.value = each.done;
      bar.setAttribute("aria-label", known("phase_", each.phase));
      how.push(bar);
    }
    if (each.remarks.length) how.push(make("span", `${say(each.remarks[0][0])} → ${say(each.remarks[0][1])}`, `words ${BAD.has(each.state) ? "bad" : ""}`));
    return [cell(about), cell(how), number(each.rows), number(Math.round(each.rows_per_second)), number(each.rejected),
      cell(each.lag_seconds ? span(each.lag_seconds) : "0", `n ${each.lag_seconds ? "" : "zero"}`)];
  });
  rows("quarantine", now.reasons, "no_letters", (each) => [
    two(say(each.problem), each.reason), two(say(each.title) || "–", each.dataset || "–"), number(each.records)]);
  const today = now.quarantine_today.map((each) => [say(each.title) || each.dataset || "–", whole.format(each.records), ""]);
  pairs("today", today.length ? today : [[words.none_today, "0", ""]]);
  fill("quarantine-note", word("quarantine_note", { n: whole.format(now.letters) }) + (now.letters_complete ? "" : words.quarantine_newest));
  rows("duties", now.duties, "no_duties", (each) => [
    cell(words[`duty_${each.name}`]), cell(words[each.problem ? "duty_troubled" : each.on ? "duty_on" : "duty_off"], each.problem ? "warn" : each.on ? "" : "zero"),
    number(each.done)]);
  rows("silent", now.silent, "no_silent", (each) => [two(say(each.title), each.dataset), cell(words[`cycle_${each.cycle}`]),
    cell(each.last ? `${day.format(each.last)}` : words.never, "n")]);
}

function show(now) {
  fill("node", say(now.node));
  fill("plan", String(now.plan_version || "–"));
  showOrigins(now);
  showAttention(now.attention, now.origins.every((each) => each.state === "fresh"));
  showVolume(now.volume);
  showNow(now);
  showPeaks(now.peaks);
  showBooks(now.books, now.recorder);
  showChart(now.minutes);
  showQuality(now.quality);
  showTables(now);
}

let heardAt = performance.now();
let newest = 0;
function live(alive) {
  const pulse = byId("pulse");
  pulse.dataset.state = alive ? "live" : "lost";
  const note = byId("lost");
  note.hidden = alive;
  for (const section of document.querySelectorAll("[data-origin]")) if (!alive) section.classList.add("old");
  const text = word("lost", { time: newest ? clock.format(newest) : "–" });
  if (!alive && note.textContent !== text) note.textContent = text;
  if (!alive) byId("clock").textContent = newest ? clock.format(newest) : word("connecting");
}

function heard(event) {
  const now = JSON.parse(event.data);
  heardAt = performance.now();
  newest = now.at;
  live(true);
  show(now);
  byId("clock").textContent = `${words.live} ${clock.format(now.at)}`;
  const pulse = byId("pulse");
  pulse.classList.remove("beat");
  requestAnimationFrame(() => pulse.classList.add("beat"));
}

function follow() {
  const stream = new EventSource("/events");
  stream.onmessage = heard;
  stream.onerror = () => {
    if (stream.readyState !== EventSource.CLOSED) return;
    stream.close();
    setTimeout(follow, AGAIN_MS);
  };
}

setInterval(() => { if (performance.now() - heardAt > SILENT_MS) live(false); }, 1000);
follow();
