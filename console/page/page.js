"use strict";

const PAUSE = 120; // milliseconds at least between two pictures of a camera
const AGAIN = 1000; // milliseconds before asking a camera again that has none

const element = (id) => document.getElementById(id);
const copy = (id) => element(id).content.firstElementChild.cloneNode(true);
const pause = (time) => new Promise((done) => setTimeout(done, time));

// Neighbouring numbers get hues far apart; one vehicle has one colour at all cameras.
const hue = (vehicle) => (vehicle * 137.508) % 360;
const colour = (vehicle) => `hsl(${hue(vehicle)} 90% ${[62, 74, 54][vehicle % 3]}%)`;
const ink = (vehicle) => (hue(vehicle) > 215 && hue(vehicle) < 290 ? "#fff" : "#000");

const cameras = new Map(); // id -> {canvas, state}
const matches = new Map(); // tracklet -> list item

// ---- cameras: pictures come plain, boxes are drawn here

function box(context, track, scale) {
  const [left, top, right, bottom] = track.box;
  const again = track.cameras.length > 1;
  const known = track.vehicle !== null;
  const shade = known ? colour(track.vehicle) : "#ffffffb0";
  context.lineWidth = (again ? 3 : 1.5) * scale;
  context.strokeStyle = shade;
  context.strokeRect(left, top, right - left, bottom - top);
  if (!known) return;
  context.font = `${again ? "bold " : ""}${Math.round(12 * scale)}px system-ui, sans-serif`;
  const text = again ? `${track.vehicle} ✓` : `${track.vehicle}`;
  const width = context.measureText(text).width + 6 * scale;
  const height = 15 * scale;
  const y = Math.max(0, top - height);
  context.fillStyle = shade;
  context.fillRect(left - context.lineWidth / 2, y, width, height);
  context.fillStyle = ink(track.vehicle);
  context.fillText(text, left + 3 * scale - context.lineWidth / 2, y + 11.5 * scale);
}

async function draw(canvas, frame) {
  const picture = new Image();
  picture.src = `data:image/jpeg;base64,${frame.jpeg}`;
  await picture.decode();
  if (canvas.width !== frame.width || canvas.height !== frame.height) {
    canvas.width = frame.width;
    canvas.height = frame.height;
  }
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const order = [...frame.tracks].sort((a, b) => a.cameras.length - b.cameras.length);
  const scale = frame.width / Math.max(200, canvas.clientWidth); // lines and letters are as large on every screen
  for (const track of order) box(context, track, scale);
}

async function watch(id, canvas) {
  let visible = true;
  new IntersectionObserver(([entry]) => (visible = entry.isIntersecting)).observe(canvas);
  for (let after = ""; ; ) {
    let wait = PAUSE;
    if (document.hidden || !visible) {
      wait = 300; // nobody looks: nothing is fetched, so nothing is drawn
    } else {
      try {
        const answer = await fetch(`live/${encodeURIComponent(id)}?after=${after}`);
        if (answer.status === 200) {
          const frame = await answer.json();
          await draw(canvas, frame);
          after = frame.captured;
        } else if (answer.status !== 204) {
          [wait, after] = [AGAIN, ""];
        }
      } catch {
        [wait, after] = [AGAIN, ""];
      }
    }
    await pause(wait);
  }
}

function showCameras(ids) {
  for (const id of ids) {
    if (cameras.has(id)) continue;
    const figure = copy("camera");
    figure.querySelector("b").textContent = id;
    const canvas = figure.querySelector("canvas");
    canvas.setAttribute("aria-label", `What camera ${id} sees`);
    cameras.set(id, { state: figure.querySelector(".state") });
    element("cameras").append(figure);
    watch(id, canvas);
  }
}

// ---- matches

function shot(address) {
  const picture = new Image();
  picture.alt = "";
  if (address) picture.src = address;
  return picture;
}

function fill(item, match) {
  const part = (name) => item.querySelector(name);
  item.className = `match ${match.kind}${item.classList.contains("fresh") ? " fresh" : ""}`;
  item.style.setProperty("--hue", colour(match.vehicle));
  item.style.setProperty("--on-hue", ink(match.vehicle));
  part(".number").textContent = match.vehicle;
  const travel = match.travel === null ? "" : ` after ${match.travel.toFixed(1)} s`;
  part(".way").textContent = match.from === match.to ? `goes on at ${match.to}` : `${match.from} → ${match.to}`;
  part(".kind").textContent = `${match.kind}${travel}`;
  part(".kind").title = `began at ${match.time} UTC`;
  part(".verdict").textContent = match.right === null ? "" : match.right ? "✓ true" : "✗ wrong";
  part(".verdict").className = `verdict ${match.right === null ? "" : match.right ? "right" : "wrong"}`;
  part(".shots").replaceChildren(...match.shots.map(shot));
  const probability = match.probability ?? 0;
  part(".bar i").style.width = `${100 * probability}%`;
  part(".probability b").textContent = match.probability === null ? "" : probability.toFixed(3);
  part(".reasons").replaceChildren(
    ...match.reasons.filter(({ llr }) => Math.abs(llr) >= 0.05).map(({ term, llr, raw, unit }) => {
      const line = document.createElement("li");
      const sum = document.createElement("b");
      sum.textContent = `${llr < 0 ? "−" : "+"}${Math.abs(llr).toFixed(1)}`;
      if (llr < 0) sum.className = "against";
      line.append(`${term} `, sum);
      line.title = raw === null ? "" : `${Number(raw.toPrecision(3))} ${unit}`;
      return line;
    }),
  );
  part(".reason").textContent = match.reason;
}

function showMatch(match, fresh = true) {
  element("none").hidden = true;
  const list = element("list");
  let item = matches.get(match.tracklet);
  if (!item) {
    item = copy("match");
    if (fresh) item.classList.add("fresh");
    matches.set(match.tracklet, item);
    list.prepend(item);
  }
  fill(item, match);
  while (list.children.length > 40) list.lastElementChild.remove();
}

// ---- what happens now

function showStatus(status) {
  element("phase").textContent = status.phase;
  element("figures").textContent = status.text;
  for (const [id, camera] of cameras) {
    const state = status.states?.[id];
    const rate = status.rates?.[id];
    camera.state.textContent = state === "live" ? `live, ${rate.toFixed(1)} frames/s` : (state ?? "waiting");
  }
}

function hello(message) {
  document.title = message.title;
  element("title").textContent = message.title;
  element("about").textContent = message.about;
  showCameras(message.cameras);
  element("list").replaceChildren();
  matches.clear();
  for (const match of message.matches) showMatch(match, false);
  showStatus(message.status);
}

const events = new EventSource("events");
events.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.type === "hello") hello(message);
  else if (message.type === "match") showMatch(message);
  else if (message.type === "status") showStatus(message);
};
events.onerror = () => {
  element("phase").textContent = "Not connected";
  element("figures").textContent = "The demo has ended, or cannot be reached.";
};
