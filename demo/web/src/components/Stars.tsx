import { useState } from "react";
import { call, paths } from "../api";
import { useResource } from "../hooks";
import { complain, say } from "../notices";
import { useSignedIn } from "../session";
import type { Rating } from "../types";
import { StarIcon } from "./icons";
import { TierBadge } from "./TierBadge";

const SCORES = [1, 2, 3, 4, 5] as const;

/** Reads and gives the rating of a file. */
export function Stars({ id, name }: { id: string; name: string }) {
  const { cache } = useSignedIn();
  const { reading } = useResource("ratings", { fileId: id }, name);
  const [mine, setMine] = useState<number | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const rating = reading?.data;
  const lit = pointed ?? mine ?? Math.round(rating?.average ?? 0);

  const rate = async (score: number): Promise<void> => {
    const before = mine;
    setMine(score);
    try {
      const rating = await call<Rating | null>("POST", paths.ratings(id), { score });
      if (rating === null) return say(`Rated ${score} of 5. It is sent when the network is back.`);
      await cache.happened("new-rating", { fileId: id });
      say(`Rated ${score} of 5.`);
    } catch (error) {
      setMine(before);
      complain(error);
    }
  };

  return (
    <div className="stars-row">
      <fieldset className="stars" onPointerLeave={() => setPointed(null)}>
        <legend className="visually-hidden">Your rating</legend>
        {SCORES.map((score) => (
          <label key={score} className={score <= lit ? "lit" : ""} onPointerEnter={() => setPointed(score)}>
            <input
              type="radio"
              name="score"
              value={score}
              checked={mine === score}
              onChange={() => void rate(score)}
            />
            <span className="visually-hidden">{score === 1 ? "1 star" : `${score} stars`}</span>
            <StarIcon size={24} />
          </label>
        ))}
      </fieldset>
      {/* Nothing until it is known, and offline it need not be. */}
      {rating && <span className="muted">{inAll(rating)}</span>}
      <TierBadge answer={reading?.answer} />
    </div>
  );
}

function inAll({ average, count }: Rating): string {
  return count ? `${(average ?? 0).toFixed(1)} · ${count} ${count === 1 ? "rating" : "ratings"}` : "Not rated yet";
}

/** The average as one star, for cards. */
export function Average({ id, name }: { id: string | null; name: string }) {
  const { reading } = useResource("ratings", id === null ? null : { fileId: id }, name);
  if (!reading) return null;
  const { average, count } = reading.data;
  return (
    <span className="average">
      <TierBadge answer={reading.answer} dot />
      <StarIcon size={13} />
      {count ? (average ?? 0).toFixed(1) : "–"}
    </span>
  );
}
