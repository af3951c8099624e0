import { age as ageText, wait } from "../format";
import { useNow } from "../hooks";
import { inWords, TIER_NAMES, type Answer } from "../tiers";

const OUTCOMES = { hit: "", miss: "", stale: "stale", offline: "offline" } as const;

function sentence(answer: Answer, age: number): string {
  const { name, place } = TIER_NAMES[answer.tier];
  return `${name} answered (${place}): ${inWords(answer.reason)}. Data ${ageText(age)}${age < 1 ? "" : " old"}, waited ${wait(answer.ms)}.`;
}

/** Which tier answered, and how old the answer is by now. `dot` is the small form for tight places. */
export function TierBadge({ answer, dot = false }: { answer: Answer | null | undefined; dot?: boolean }) {
  const now = useNow();
  if (!answer) return null;
  const age = answer.age + Math.max(0, now - answer.at) / 1000;
  const title = sentence(answer, age);
  const className = `tier tier-${answer.tier} ${answer.outcome}`;
  if (dot) return <span className={`${className} tier-dot`} role="img" aria-label={title} title={title} />;
  const { name, short } = TIER_NAMES[answer.tier];
  const outcome = OUTCOMES[answer.outcome];
  return (
    <span className={`${className} tier-badge`} title={title}>
      <i aria-hidden="true" />
      <span className="tier-name" data-short={short}>
        {name}
      </span>
      {outcome && <span className="tier-outcome">{outcome}</span>}
      <span className="tier-age">{ageText(age)}</span>
    </span>
  );
}
