/**
 * An authorizer whose answer a test sets.
 *
 * @module
 */

import {
  type Asker,
  type Authorization,
  AuthorizationRefused,
  type Authorizer,
  type RefusalStatus,
} from "../../server/authorization/authorizer.ts";

/** An authorizer that says yes unless told otherwise. */
export class SettableAuthorizer implements Authorizer {
  /** What it was asked: token and id. */
  asked: string[] = [];
  /** How it answers. */
  answer: (asker: Asker) => Promise<Authorization> = () => Promise.resolve({ accountId: "account" });

  /** Answers as set. */
  authorize(token: string, clusterId: string, asker: Asker): Promise<Authorization> {
    this.asked.push(`${token} ${clusterId}`);
    return this.answer(asker);
  }

  /** Says no from now on. */
  refuse(status: RefusalStatus) {
    this.answer = () => Promise.reject(new AuthorizationRefused(status));
  }

  /** Gives no answer from now on. */
  fail() {
    this.answer = () => Promise.reject(new Error("down"));
  }

  /** Says yes again. */
  recover() {
    this.answer = () => Promise.resolve({ accountId: "account" });
  }
}
