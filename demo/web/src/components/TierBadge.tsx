import { age as ageText, wait } from "../format";
import { useNow } from "../hooks";
import { inWords, TIER_NAMES, type Answer } from "../tiers";

const OUTCOMES = { hit: "", miss: "", stale: "stale", offline: "offline" } as const;

function sentence(answer: Answer, age: number): string {
  const { name, place } = TIER_NAMES[answer.tier];
  return `${name} answered (${place}): ${inWords(answer.reason)}. Data ${ageText(age)}${age < 1 ? "" : " old"}, waited ${wait(answer.ms)}.`;
}

interface TierBadgeProps {
  answer: Answer | null | undefined;
  /** The small form, for tight places. */
  dot?: boolean;
  /** For a control around it to be described by, since that has a name of its own. */
  id?: string;
}

/** Which tier answered, why, and how old the answer is by now: for the mouse in its title, else read out. */
export function TierBadge({ answer, dot = false, id }: TierBadgeProps) {
  const now = useNow();
  if (!answer) return null;
  const age = answer.age + Math.max(0, now - answer.at) / 1000;
  const title = sentence(answer, age);
  const className = `tier tier-${answer.tier} ${answer.outcome}`;
  if (dot) return <span id={id} className={`${className} tier-dot`} role="img" aria-label={title} title={title} />;
  const { name, short } = TIER_NAMES[answer.tier];
  const outcome = OUTCOMES[answer.outcome];
  return (
    <span id={id} className={`${className} tier-badge`} title={title}>
      <span className="visually-hidden">{title}</span>
      <i aria-hidden="true" />
      <span className="tier-name" data-short={short} aria-hidden="true">
        {name}
      </span>
      {outcome && (
        <span className="tier-outcome" aria-hidden="true">
          {outcome}
        </span>
      )}
      <span className="tier-age" aria-hidden="true">
        {ageText(age)}
      </span>
    </span>
  );
}
