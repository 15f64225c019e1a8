"""A topic with a push subscription and a dead-letter topic, on the tests' Pub/Sub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import grpc
from google.api_core.exceptions import DeadlineExceeded
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient, SubscriberClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.cloud_function.samples import PROJECT

#: The fewest and the most that Pub/Sub takes.
FEW_ATTEMPTS, MANY_ATTEMPTS = 5, 100
_ACK_DEADLINE_S = 600
_SHORTEST_WAIT, _LONGEST_WAIT = Duration(nanos=200_000_000), Duration(seconds=1)


class Bus:
    """What Cloud Build publishes to and a function is pushed from; gone with `close`."""

    def __init__(self, address: str, name: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self._channel))
        self._subscriber = SubscriberClient(
            transport=SubscriberGrpcTransport(channel=self._channel)
        )
        self._topic = f"projects/{PROJECT}/topics/{name}"
        self._dead_topic = f"{self._topic}-dead"
        self._subscription = f"projects/{PROJECT}/subscriptions/{name}"
        self._dead_subscription = f"{self._subscription}-dead"
        for topic in (self._topic, self._dead_topic):
            self._publisher.create_topic(name=topic)
        self._subscriber.create_subscription(name=self._dead_subscription, topic=self._dead_topic)

    def push_to(self, url: str, attempts: int) -> None:
        """Let all messages from now on be pushed to `url` as Eventarc has them pushed.

        After so many attempts a message goes to the dead-letter topic.
        """
        mode = quote(f"CUSTOM_PUBSUB_{self._topic}", safe="")
        self._subscriber.create_subscription(
            types.Subscription(
                name=self._subscription,
                topic=self._topic,
                ack_deadline_seconds=_ACK_DEADLINE_S,
                push_config=types.PushConfig(push_endpoint=f"{url}/?__GCP_CloudEventsMode={mode}"),
                retry_policy=types.RetryPolicy(
                    minimum_backoff=_SHORTEST_WAIT, maximum_backoff=_LONGEST_WAIT
                ),
                dead_letter_policy=types.DeadLetterPolicy(
                    dead_letter_topic=self._dead_topic, max_delivery_attempts=attempts
                ),
            )
        )

    def publish(self, *documents: Mapping[str, Any]) -> None:
        """Publish builds' messages, all at once, as Cloud Build does."""
        messages = [
            types.PubsubMessage(
                data=json.dumps(document).encode(),
                attributes={"buildId": document["id"], "status": document["status"]},
            )
            for document in documents
        ]
        self._publisher.publish(topic=self._topic, messages=messages)

    def publish_bytes(self, data: bytes) -> None:
        """Publish what nobody can read."""
        self._publisher.publish(topic=self._topic, messages=[types.PubsubMessage(data=data)])

    def dead_letters(self) -> list[bytes]:
        """Return what has come to the dead-letter topic since the last call."""
        try:
            answer = self._subscriber.pull(
                subscription=self._dead_subscription, max_messages=100, timeout=1, retry=None
            )
        except DeadlineExceeded:
            return []
        taken = list(answer.received_messages)
        if taken:
            self._subscriber.acknowledge(
                subscription=self._dead_subscription, ack_ids=[one.ack_id for one in taken]
            )
        return [one.message.data for one in taken]

    def close(self) -> None:
        """Take away what was made."""
        for subscription in self._subscriber.list_subscriptions(project=f"projects/{PROJECT}"):
            if subscription.name in (self._subscription, self._dead_subscription):
                self._subscriber.delete_subscription(subscription=subscription.name)
        for topic in (self._topic, self._dead_topic):
            self._publisher.delete_topic(topic=topic)
        self._channel.close()
