// Artists who do not exist, and what each account listens to. The same in every run.

import { createHash } from "node:crypto";

const FIRST = [
  "Amber", "Barometer", "Brindled", "Candlewick", "Cardboard", "Chalk", "Clockwork", "Copper", "Driftwood", "Ember",
  "Foglamp", "Gingham", "Granite", "Halfmoon", "Hazel", "Inkwell", "Juniper", "Kettle", "Lantern", "Lichen",
  "Magnetic", "Marmalade", "Midwinter", "Mosaic", "Nettle", "Orchard", "Paper", "Pewter", "Quarry", "Rhubarb",
  "Saffron", "Sandpiper", "Sleepless", "Tangerine", "Thistle", "Umber", "Velvet", "Walnut", "Willow", "Zigzag",
];
const SECOND = [
  "Almanac", "Aviary", "Barges", "Bellows", "Cartography", "Causeway", "Comets", "Compass", "Corridor", "Dominoes",
  "Estuary", "Fathoms", "Ferries", "Gables", "Geometry", "Harvest", "Herons", "Islands", "Jigsaw", "Kites",
  "Ladders", "Lighthouse", "Machinery", "Meadow", "Mittens", "Observatory", "Otters", "Parade", "Pendulum", "Picnic",
  "Quartet", "Railway", "Semaphore", "Signals", "Staircase", "Teapots", "Tides", "Umbrella", "Viaduct", "Weather",
];
const FORMS = [
  (first, second) => `${first} ${second}`,
  (first, second) => `The ${first} ${second}`,
  (first, second) => `${second} of ${first}`,
  (first, second) => `${first} & the ${second}`,
  (first, second) => `${first} ${second} Society`,
  (first, second) => `No ${first} ${second}`,
  (first, second) => `${first} ${second} Ensemble`,
  (first, second) => `DJ ${first} ${second}`,
];
const GENRES = ["ambient", "chamber pop", "drone folk", "dub", "electro swing", "indie", "jazz", "krautrock", "synthpop", "trip hop"];
const COUNT = FIRST.length * SECOND.length * FORMS.length;
/** Coprime to the number of names, so that neighbours differ in every part. */
const STRIDE = 7919;

/** What the three lists of top artists choose from, and how long each is. */
const FAVOURITES = 150;
const TOP = 100;
/** How far each range strays from the order that an account likes its artists in, in places. */
const STRAY = { short_term: 90, medium_term: 45, long_term: 20 };
export const RANGES = Object.keys(STRAY);

/** 32 bits of a text. */
function hash(text) {
  return createHash("sha256").update(text).digest().readUInt32BE();
}

/** 22 digits of base 62, as Spotify's ids are. */
function idOf(number) {
  const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  let rest = BigInt(`0x${createHash("sha256").update(`artist ${number}`).digest("hex").slice(0, 32)}`);
  let id = "";
  for (let digit = 0; digit < 22; digit++, rest /= 62n) id += DIGITS[Number(rest % 62n)];
  return id;
}

const artists = new Map();

/** The artist of a number: `{id, name, genres}`. */
function artist(number) {
  let made = artists.get(number);
  if (!made) {
    const name = (number * STRIDE) % COUNT;
    const form = FORMS[Math.floor(name / FIRST.length / SECOND.length)];
    const id = idOf(number);
    const genre = hash(id);
    made = {
      id,
      name: form(FIRST[name % FIRST.length], SECOND[Math.floor(name / FIRST.length) % SECOND.length]),
      genres: [...new Set([GENRES[genre % 10], GENRES[Math.floor(genre / 10) % 10]])],
    };
    artists.set(number, made);
  }
  return made;
}

const libraries = new Map();

/** What an account with so many artists listens to: `{top: {short_term: […], …}, followed: […]}`, each artist in one of them
 *  at least. */
export function library(account, count) {
  const key = `${account} ${count}`;
  if (!libraries.has(key)) libraries.set(key, compose(account, count));
  return libraries.get(key);
}

function compose(account, count) {
  const first = hash(account) % COUNT;
  const all = Array.from({ length: count }, (_, place) => artist((first + place) % COUNT));
  const favourites = all.slice(0, FAVOURITES);
  const top = {};
  const listed = new Set();
  for (const range of RANGES) {
    const place = new Map(favourites.map(({ id }, index) => [id, index + (hash(`${range} ${account} ${id}`) % STRAY[range])]));
    top[range] = favourites.toSorted((a, b) => place.get(a.id) - place.get(b.id)).slice(0, TOP);
    for (const one of top[range]) listed.add(one);
  }
  // Not everybody who is listened to is followed.
  return { top, followed: all.filter((one) => !listed.has(one) || hash(`follows ${one.id}`) % 4 > 0) };
}

/** A picture of an artist: bands of two colours, as its id has them. */
export function picture(id) {
  const bits = hash(id);
  const hue = bits % 360;
  const second = (hue + 40 + ((bits >> 9) % 120)) % 360;
  const turn = (bits >> 16) % 180;
  const bands = Array.from({ length: 5 }, (_, band) => {
    const width = 14 + (hash(`${id} ${band}`) % 40);
    return `<rect x="-120" y="${-150 + band * 64}" width="560" height="${width}" fill="hsl(${second} 70% ${45 + band * 7}%)"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320" width="320" height="320">
<rect width="320" height="320" fill="hsl(${hue} 55% 24%)"/>
<g transform="rotate(${turn} 160 160) translate(0 120)">${bands.join("")}</g>
<circle cx="160" cy="160" r="${50 + (bits % 40)}" fill="hsl(${hue} 70% 62%)" fill-opacity=".85"/>
</svg>
`;
}
