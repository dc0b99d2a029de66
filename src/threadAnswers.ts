/** Answers of a thread, which come in the order in which it was asked. */
export interface Answers<T> {
  /** Number of questions without an answer. */
  open(): number;
  /** Calls `send`, and resolves to the answer. Rejects, without a call, if the thread has ended. */
  ask(send: () => void): Promise<T>;
  /** Answers the oldest question. */
  answer(value: T): void;
  /** Ends with the thread: open questions and all later ones reject with the first error. */
  end(error: Error): void;
}

export function threadAnswers<T>(): Answers<T> {
  const questions: { resolve(value: T): void; reject(error: Error): void }[] = [];
  let fault: Error | null = null;
  return {
    open: () => questions.length,
    ask: (send) =>
      new Promise((resolve, reject) => {
        if (fault) {
          reject(fault);
          return;
        }
        questions.push({ resolve, reject });
        send();
      }),
    answer: (value) => questions.shift()!.resolve(value),
    end: (error) => {
      fault ??= error;
      for (const { reject } of questions.splice(0)) reject(fault);
    },
  };
}
