"use strict";
// The same computation as metcn.stages.whatif.at, on the same draws; tests run both and compare them.
const whatif = (() => {
  const doubles = text => {
    if (text === null) return null;
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float64Array.from({length: bytes.length / 8}, (_, at) => view.getFloat64(8 * at, true));
  };

  const unpack = payload => ({...payload, folds: Object.fromEntries(
    Object.entries(payload.folds).map(([name, text]) => [name, doubles(text)]))});

  // The one equation: tumour copies behind a depth ratio.
  const tumourCopies = (data, ratio, purity, ploidy) =>
    (ratio * (purity * ploidy + data.normal_copies * (1 - purity)) - data.normal_copies * (1 - purity)) / purity;

  const quantile = (sorted, share) => {
    const at = share * (sorted.length - 1), below = Math.floor(at), rest = at - below;
    return below + 1 < sorted.length ? sorted[below] + (sorted[below + 1] - sorted[below]) * rest : sorted[below];
  };

  const interval = values => {
    if (values === null) return {value: null, low: null, high: null};
    const sorted = Float64Array.from(values).sort();
    return {value: quantile(sorted, 0.5), low: quantile(sorted, 0.025), high: quantile(sorted, 0.975)};
  };

  const draws = (data, purity, ploidy) => {
    const copies = fold => fold && fold.map(ratio => Math.max(tumourCopies(data, ratio, purity, ploidy), 0));
    const {met, cep7, arm_q} = data.folds;
    const gcn = copies(met), centre = copies(cep7);
    return {
      gcn, cep7: centre, arm_q: copies(arm_q), fold: met, pcn: met.map(ratio => 2 * ratio),
      ratio: centre && gcn.map((copy, at) => copy / Math.max(centre[at], data.lowest_divisor)),
      gcn_minus_ploidy: gcn.map(copy => copy - ploidy),
    };
  };

  const focality = (data, found) => {
    const count = {none: 0, focal: 0, arm: 0, polysomy: 0}, size = found.gcn.length;
    for (let at = 0; at < size; at++) {
      const met = found.gcn[at], centre = found.cep7 ? found.cep7[at] : NaN;
      const beside = data.broad ? 1e300 : found.arm_q ? found.arm_q[at] : centre;
      if (met < data.gained) count.none++;
      else if (met >= data.stands_out * beside) count.focal++;
      else if (met < data.stands_out * beside) {
        if (met >= data.arm_over_centromere * centre) count.arm++;
        else if (met < data.arm_over_centromere * centre) count.polysomy++;
      }
    }
    const names = Object.keys(count);
    const best = names.reduce((a, b) => count[b] > count[a] ? b : a);
    return count[best] / size >= data.decide_focality ? best : "indeterminate";
  };

  const permit = (clause, chosen) => {
    if (clause.focality === null || clause.focality.includes(chosen)) return "yes";
    if (chosen !== "indeterminate") return "no";
    return clause.undecided === "accept" ? "yes" : "undecided";
  };
  const reaches = (value, clause) => clause.lower === null ||
    (clause.lower_inclusive ? value >= clause.lower : value > clause.lower);
  const staysBelow = (value, clause) => clause.upper === null ||
    (clause.upper_inclusive ? value <= clause.upper : value < clause.upper);

  // Verdict of one category: Kleene's logic, as metcn.verdicts has it, for one group of draws.
  const judge = (data, category, found, chosen, limits) => {
    const {decide, rounding} = data, size = found.gcn.length, any = category.combine === "or";
    const clauses = category.clauses.map(clause => {
      const values = found[clause.quantity], allowed = permit(clause, chosen);
      const certain = new Uint8Array(size), possible = new Uint8Array(size);
      let short = 0, reachable = 0;
      for (let at = 0; at < size; at++) {
        const known = values !== null;
        const holds = known && reaches(values[at], clause) && staysBelow(values[at], clause);
        certain[at] = holds && allowed === "yes";
        possible[at] = allowed !== "no" && (holds || !known);
        short += !known || !reaches(values[at], clause);
        reachable += possible[at];
      }
      return {clause, allowed, certain, possible, short: short / size, reachable: reachable / size};
    });
    const share = name => {
      let count = 0;
      for (let at = 0; at < size; at++)
        count += any ? clauses.some(part => part[name][at]) : clauses.every(part => part[name][at]);
      return count / size;
    };
    const low = share("certain"), high = share("possible");
    const met = low >= decide - rounding, notMet = high <= 1 - decide + rounding;
    let blind = false, inSight = false, unsure = false;
    for (const {clause, allowed, short, reachable} of clauses) {
      const bound = clause.lower === null ? clause.upper : clause.lower;
      const limit = clause.quantity in limits ? limits[clause.quantity] : -Infinity;
      unsure ||= !(limit <= bound) && clause.lower !== null;
      const here = !(limit <= bound) && (short >= decide - rounding || clause.lower === null) && allowed !== "no";
      blind ||= here;
      inSight ||= !here && reachable <= 1 - decide + rounding;
    }
    if (!any && inSight) blind = false;
    blind &&= category.clauses.every(clause => clause.lower === null) ? met : notMet;
    const gained = found.gcn.reduce((sum, value) => sum + (value > data.two), 0) / size;
    blind ||= unsure && met && gained < data.surely_gained - rounding;
    const verdict = met && !blind ? "met" : notMet && !blind ? "not_met" : "indeterminate";
    const open = !met && !notMet, measured = category.clauses.some(clause => found[clause.quantity] !== null);
    const onlyHidden = blind && !(open && (high - low > rounding || low > 1 - decide || high < decide));
    const ends = measured ? [low, high] : [null, null];
    return {verdict, probability: measured && high - low <= rounding ? low : null, ends, onlyHidden};
  };

  const overall = rows => {
    const known = rows.filter(row => row.call !== null);
    if (!known.length) return "no_call";
    for (const [at, row] of known.entries()) {
      const excluded = known.slice(0, at).every(above => above.verdict === "not_met");
      if (row.verdict === "met" && (excluded || !["gain", "not_amplified"].includes(row.call))) return row.call;
    }
    const open = known.filter(row => row.verdict !== "not_met");
    return open.every(row => row.call === "gain" && row.onlyHidden) ? "not_amplified" : "indeterminate";
  };

  const at = (data, purity, ploidy) => {
    const found = draws(data, purity, ploidy), chosen = focality(data, found);
    const lod = data.lod_ratio === null ? null : tumourCopies(data, data.lod_ratio, purity, ploidy);
    const limits = data.above_neutral ? {} : {gcn: lod ?? NaN, gcn_minus_ploidy: lod === null ? NaN : lod - ploidy};
    const verdicts = data.sets.map(category => ({...category, ...judge(data, category, found, chosen, limits)}));
    return {
      met_copies: interval(found.gcn), cep7_copies: interval(found.cep7), met_cep7: interval(found.ratio),
      lod, focality: chosen, verdicts, call: overall(verdicts.filter(row => row.id === data.default)),
    };
  };
  return {unpack, at, tumourCopies, interval};
})();

(() => {
  const source = document.getElementById("whatif-data");
  if (!source) return;
  const data = whatif.unpack(JSON.parse(source.textContent));
  const get = name => document.getElementById("whatif-" + name);
  const words = JSON.parse(get("words").textContent);
  const start = {purity: data.purity ?? (data.specimen === "plasma" ? 0.1 : 0.5), ploidy: data.ploidy ?? 2};
  const number = (value, digits) => value === null ? "–" :
    value.toFixed(Math.abs(value) < 9.995 ? digits : Math.abs(value) < 99.95 ? 1 : 0);
  const estimate = (found, digits) => found.value === null ? "–" :
    `${number(found.value, digits)} (${number(found.low, digits)} to ${number(found.high, digits)})`;
  const share = value => value === null ? "–" : value < 0.001 ? "< 0.1 %" : value > 0.999 ? "> 99.9 %" : `${(100 * value).toFixed(1)} %`;
  const chance = row => [...new Set(row.probability === null ? row.ends.map(share) : [share(row.probability)])].join(" to ");
  const limit = (value, from, to) => Math.min(Math.max(value, from), to);
  const fold = whatif.interval(data.folds.met), original = whatif.at(data, start.purity, start.ploidy);

  const NS = "http://www.w3.org/2000/svg", WIDTH = 520, HEIGHT = 250, LEFT = 44, BOTTOM = 214, TOP = 10, RIGHT = 510;
  const shape = (name, attributes, text) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const draw = (purity, ploidy, found) => {
    const figure = get("figure"), lowest = data.specimen === "plasma" ? 0.01 : 0.05;
    const purities = Array.from({length: 80}, (_, step) => lowest * (1 / lowest) ** (step / 79));
    const copies = (ratio, share) => Math.max(whatif.tumourCopies(data, ratio, share, ploidy), 0);
    const top = limit(1.15 * Math.max(copies(fold.value, 0.12), found.met_copies.high, 12), 12, 400);
    const x = share => LEFT + (RIGHT - LEFT) * Math.log(limit(share, lowest, 1) / lowest) / Math.log(1 / lowest);
    const y = copy => BOTTOM - (BOTTOM - TOP) * Math.sqrt(limit(copy, 0, top) / top);
    const path = (ratio, list) => list.map(share => `${x(share).toFixed(1)} ${y(copies(ratio, share)).toFixed(1)}`).join("L");
    const within = ratio => purities.filter(share => copies(ratio, share) < top);
    const parts = [shape("path", {d: `M${path(fold.low, within(fold.low))}L${path(fold.high, within(fold.low).reverse())}Z`, class: "band-95"}),
      shape("path", {d: "M" + path(fold.value, within(fold.value)), class: "curve"})];
    for (const copy of [0, 2, 5, 10, 20, 50, 100, 200]) if (copy <= top) {
      const bound = copy === 5 || copy === 10;
      parts.push(shape("line", {x1: LEFT, x2: RIGHT, y1: y(copy), y2: y(copy), class: bound ? "bound" : "grid"}),
        shape("text", {x: LEFT - 6, y: y(copy) + 4, class: "tick end" + (bound ? " strong" : "")}, copy));
    }
    for (const share of [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1]) if (share >= lowest) parts.push(
      shape("line", {x1: x(share), x2: x(share), y1: BOTTOM, y2: BOTTOM + 4, class: "axis"}),
      shape("text", {x: x(share), y: BOTTOM + 17, class: "tick middle"}, share));
    parts.push(shape("line", {x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM, class: "axis"}),
      shape("text", {x: (LEFT + RIGHT) / 2, y: HEIGHT - 4, class: "tick middle"}, words.purity_axis),
      shape("text", {x: 11, y: (TOP + BOTTOM) / 2, class: "tick middle", transform: `rotate(-90 11 ${(TOP + BOTTOM) / 2})`}, "MET copies"),
      shape("line", {x1: x(purity), x2: x(purity), y1: y(found.met_copies.low), y2: y(found.met_copies.high), class: "marker"}),
      shape("circle", {cx: x(purity), cy: y(found.met_copies.value), r: 5, class: "estimate"}));
    figure.replaceChildren(...parts);
    figure.setAttribute("aria-label", `MET copies at purities from ${lowest} to 1 with 95 % interval; at ${purity.toFixed(2)}: ${estimate(found.met_copies, 1)}`);
  };

  const show = (purity, ploidy) => {
    const found = whatif.at(data, purity, ploidy);
    get("call").textContent = words.calls[found.call];
    get("met").textContent = estimate(found.met_copies, 1);
    get("ratio").textContent = estimate(found.met_cep7, 2);
    get("cep7").textContent = estimate(found.cep7_copies, 1);
    get("lod").textContent = number(found.lod, 1);
    get("focality").textContent = words.focality[found.focality];
    const changed = [];
    found.verdicts.forEach((row, at) => {
      const cells = get("verdicts").rows[at].cells, before = original.verdicts[at].verdict;
      cells[2].textContent = words.verdicts[row.verdict];
      cells[3].textContent = chance(row);
      get("verdicts").rows[at].className = row.verdict;
      if (before !== row.verdict) changed.push(`${row.title} (${row.name.replaceAll("_", " ")}): ${words.verdicts[before]} → ${words.verdicts[row.verdict]}`);
    });
    get("changes").replaceChildren(...changed.map(text => Object.assign(document.createElement("li"), {textContent: text})));
    get("unchanged").hidden = changed.length > 0;
    draw(purity, ploidy, found);
  };
  const inputs = {purity: [get("purity"), get("purity-number")], ploidy: [get("ploidy"), get("ploidy-number")]};
  const now = {...start};
  const set = (name, value) => {
    now[name] = value;
    inputs[name].forEach(input => { if (input !== document.activeElement || input.type === "range") input.value = value; });
    show(now.purity, now.ploidy);
  };
  for (const [name, pair] of Object.entries(inputs)) for (const input of pair) input.addEventListener("input", () => {
    const value = parseFloat(input.value), from = parseFloat(pair[1].min), to = parseFloat(pair[1].max);
    if (value >= from && value <= to) set(name, value);
  });
  get("reset").addEventListener("click", () => { set("purity", start.purity); set("ploidy", start.ploidy); });
  get("live").hidden = false;
  set("purity", start.purity);
  set("ploidy", start.ploidy);
})();
