/**
 * The published tree attacks on revealed sizes: `baseline` (Guo et al., USENIX Security 2022) and `improved`
 * (AnonPSI, arXiv 2311.18118). A random bisection tree over the victims is searched best-first; asking for the smaller
 * child gives its sibling by subtraction, so a split costs one call. Neither attack expects noise: it claims whatever
 * it takes to be certain.
 * @module
 */
import { type Claims, type Oracle, type SetAttack } from './oracle.ts';
import { type Random, shuffled } from './random.ts';

/** Victims order[from..to) of which `count` are taken to be members. */
interface Node {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

function density({ from, to, count }: Node): number {
  return count / (to - from);
}

/** Highest priority first; among equals the oldest. */
function popBest(queue: Node[], priority: (node: Node) => number): Node | undefined {
  let best = 0;
  queue.forEach((node, i) => {
    if (priority(node) > priority(queue[best] ?? node)) best = i;
  });
  return queue.splice(best, 1)[0];
}

function treeAttack(priority: (node: Node) => number, claimEmptyEnd: boolean): SetAttack {
  return (oracle: Oracle, victims: number, calls: number, random: Random): Claims => {
    const order = shuffled(random, victims);
    const claims: Claims = new Int8Array(victims);
    const claim = ({ from, to }: Node, value: 1 | -1): void => {
      for (const victim of order.subarray(from, to)) claims[victim] = value;
    };
    let left = calls - 1;
    const queue: Node[] = [{ from: 0, to: victims, count: oracle(order) }];
    for (let node = popBest(queue, priority); node !== undefined; node = popBest(queue, priority)) {
      while (node.count > 0 && node.count < node.to - node.from && left > 0) {
        const { from, to, count }: Node = node;
        const middle = from + Math.floor((to - from) / 2);
        left -= 1;
        const seen = oracle(order.subarray(from, middle));
        const first: Node = { from, to: middle, count: seen };
        const rest = Math.min(Math.max(count - seen, 0), to - middle);
        const second: Node = { from: middle, to, count: rest };
        const down: Node = priority(second) > priority(first) ? second : first;
        const other = down === first ? second : first;
        if (other.count > 0) queue.push(other);
        else claim(other, -1);
        node = down;
      }
      if (node.count === node.to - node.from) claim(node, 1);
      else if (node.count === 0 && claimEmptyEnd) claim(node, -1);
    }
    return claims;
  };
}

/** Goes where members are densest. */
export const baseline: SetAttack = treeAttack(density, false);

/** Goes where "all in" or "all out" is closest, and claims the empty nodes it ends in. */
export const improved: SetAttack = treeAttack(
  (node) => Math.max(density(node), 1 - density(node)),
  true,
);
