// What all of them store.

/** A file as a library shows it; the higher `n`, the newer. */
export const file = (n) => ({
  id: `f${String(n).padStart(6, "0")}`,
  name: `Holiday in the mountains, part ${n}.mp4`,
  category: n % 3 ? "videos" : "images",
  type: "video/mp4",
  size: 48_000_000 + n,
  added: 1_700_000_000_000 + n * 1000,
  duration: 60 + (n % 3600),
  width: 1920,
  height: 1080,
  rating: (n % 50) / 10,
  tags: ["mountains", "holiday", `album-${n % 20}`],
  thumbnail: `/api/files/videos/f${n}/thumbnail`,
});
