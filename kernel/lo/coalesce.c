// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts and their coalescing: when a vector's NAPI learns of what has
 * arrived. There is no interrupt line, but there is what it is for. From when
 * one was raised it is masked, until NAPI says that it is complete: so it stays
 * quiet while an application polls, or has it suspended. What a NIC does with a
 * timer before it raises one is done with a timer here, too.
 */
#include <linux/ethtool.h>
#include <linux/hrtimer.h>

#include "devmem_lo.h"

/* --- The interrupt ------------------------------------------------------ */

/*
 * There is something to do. While masked the interrupt is remembered: the poll
 * that is to come has not looked yet, or looks at this flag at its end.
 */
void dlo_irq_raise(struct dlo_vector *vector)
{
	smp_mb__before_atomic();	/* after what there is to do; pairs with dlo_irq_ack() */
	set_bit(DLO_IRQ_RAISED, &vector->irq);
	smp_mb__after_atomic();		/* pairs with dlo_irq_unmask() */
	if (test_and_set_bit(DLO_IRQ_MASKED, &vector->irq))
		return;

	local_bh_disable();
	napi_schedule(&vector->napi);
	local_bh_enable();
}

/* A poll begins: what is raised from now on, it may have missed. */
void dlo_irq_ack(struct dlo_vector *vector)
{
	clear_bit(DLO_IRQ_RAISED, &vector->irq);
	smp_mb__after_atomic();		/* before it looks at the lists */
}

/* NAPI is complete. */
void dlo_irq_unmask(struct dlo_vector *vector)
{
	clear_bit(DLO_IRQ_MASKED, &vector->irq);
	smp_mb__after_atomic();		/* pairs with dlo_irq_raise() */
	if (test_bit(DLO_IRQ_RAISED, &vector->irq))
		dlo_irq_raise(vector);
}

/* NAPI was enabled: before, it could not be scheduled, nor unmask anything. */
void dlo_irq_enable(struct dlo_vector *vector)
{
	clear_bit(DLO_IRQ_MASKED, &vector->irq);
	dlo_irq_raise(vector);
}

/* --- Its coalescing ----------------------------------------------------- */

/* In softirq context. */
static enum hrtimer_restart dlo_coalesce_fire(struct hrtimer *timer)
{
	struct dlo_coalesce *co = container_of(timer, struct dlo_coalesce, timer);

	dlo_irq_raise(co->vector);
	return HRTIMER_NORESTART;
}

static void dlo_coalesce_init(struct dlo_coalesce *co, struct dlo_vector *vector)
{
	co->frames = 1;
	co->vector = vector;
	hrtimer_setup(&co->timer, dlo_coalesce_fire, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_SOFT);
}

void dlo_vector_init_coalesce(struct dlo_vector *vector)
{
	dlo_coalesce_init(&vector->rx, vector);
	dlo_coalesce_init(&vector->tx, vector);
}

/* Nothing is added to the vector's lists any more, and its NAPI is disabled. */
void dlo_vector_cancel_coalesce(struct dlo_vector *vector)
{
	hrtimer_cancel(&vector->rx.timer);
	hrtimer_cancel(&vector->tx.timer);
}

/*
 * One more packet waits, @pending of them. True: the caller raises the interrupt.
 * False: the timer will. Called with the list's lock held, so that whoever has
 * seen to it that nothing is added can cancel the timer for good.
 */
bool __dlo_coalesce_due(struct dlo_coalesce *co, u32 usecs, unsigned int pending)
{
	u32 frames = READ_ONCE(co->frames);

	if (frames && pending >= frames)
		return true;
	smp_mb();	/* after the list; pairs with dlo_irq_ack(), when the timer just fires */
	if (!hrtimer_is_queued(&co->timer))
		hrtimer_start(&co->timer, ns_to_ktime((u64)usecs * NSEC_PER_USEC),
			      HRTIMER_MODE_REL_PINNED_SOFT);
	return false;
}

/* --- Configuration ------------------------------------------------------ */

static int dlo_coalesce_check(const char *dir, u32 usecs, u32 frames,
			      struct netlink_ext_ack *extack)
{
	if (usecs > DLO_COALESCE_USECS_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "%s-usecs %u: more than %u", dir, usecs,
				   DLO_COALESCE_USECS_MAX);
		return -ERANGE;
	}
	if (!usecs && frames != 1) {
		NL_SET_ERR_MSG_FMT(extack, "%s-frames %u without %s-usecs could wait for ever", dir,
				   frames, dir);
		return -EINVAL;
	}
	return 0;
}

static int dlo_coalesce_check_all(const struct ethtool_coalesce *ec, struct netlink_ext_ack *extack)
{
	return dlo_coalesce_check("rx", ec->rx_coalesce_usecs, ec->rx_max_coalesced_frames,
				  extack) ?:
	       dlo_coalesce_check("tx", ec->tx_coalesce_usecs, ec->tx_max_coalesced_frames,
				  extack);
}

/* What waits by the old rules does not wait longer. */
static void dlo_vector_set_coalesce(struct dlo_vector *vector, const struct ethtool_coalesce *ec)
{
	WRITE_ONCE(vector->rx.usecs, ec->rx_coalesce_usecs);
	WRITE_ONCE(vector->rx.frames, ec->rx_max_coalesced_frames);
	WRITE_ONCE(vector->tx.usecs, ec->tx_coalesce_usecs);
	WRITE_ONCE(vector->tx.frames, ec->tx_max_coalesced_frames);
	if (netif_running(vector->priv->dev))
		dlo_irq_raise(vector);
}

static void dlo_vector_get_coalesce(const struct dlo_vector *vector, struct ethtool_coalesce *ec)
{
	ec->rx_coalesce_usecs = vector->rx.usecs;
	ec->rx_max_coalesced_frames = vector->rx.frames;
	ec->tx_coalesce_usecs = vector->tx.usecs;
	ec->tx_max_coalesced_frames = vector->tx.frames;
}

/* Of all vectors; if they differ, the first one's. */
void dlo_coalesce_get(struct dlo_priv *priv, struct ethtool_coalesce *ec)
{
	dlo_vector_get_coalesce(&priv->vectors[0], ec);
}

int dlo_coalesce_set(struct dlo_priv *priv, const struct ethtool_coalesce *ec,
		     struct netlink_ext_ack *extack)
{
	unsigned int i;
	int err;

	err = dlo_coalesce_check_all(ec, extack);
	if (err)
		return err;
	for (i = 0; i < dlo_n_vectors(priv->dev); i++)
		dlo_vector_set_coalesce(&priv->vectors[i], ec);
	return 0;
}

int dlo_coalesce_get_queue(struct dlo_priv *priv, u32 idx, struct ethtool_coalesce *ec)
{
	bool rx = idx < priv->dev->real_num_rx_queues;
	bool tx = idx < priv->dev->real_num_tx_queues;

	if (!rx && !tx)
		return -EINVAL;
	dlo_vector_get_coalesce(&priv->vectors[idx], ec);
	if (!rx) {
		ec->rx_coalesce_usecs = U32_MAX;
		ec->rx_max_coalesced_frames = U32_MAX;
	}
	if (!tx) {
		ec->tx_coalesce_usecs = U32_MAX;
		ec->tx_max_coalesced_frames = U32_MAX;
	}
	return 0;
}

/* Parameters of a direction that the queue does not have are ignored. */
int dlo_coalesce_set_queue(struct dlo_priv *priv, u32 idx, const struct ethtool_coalesce *asked)
{
	struct ethtool_coalesce ec = *asked;
	bool rx = idx < priv->dev->real_num_rx_queues;
	bool tx = idx < priv->dev->real_num_tx_queues;
	int err;

	if (!rx && !tx)
		return -EINVAL;
	if (!rx) {
		ec.rx_coalesce_usecs = priv->vectors[idx].rx.usecs;
		ec.rx_max_coalesced_frames = priv->vectors[idx].rx.frames;
	}
	if (!tx) {
		ec.tx_coalesce_usecs = priv->vectors[idx].tx.usecs;
		ec.tx_max_coalesced_frames = priv->vectors[idx].tx.frames;
	}
	err = dlo_coalesce_check_all(&ec, NULL);
	if (!err)
		dlo_vector_set_coalesce(&priv->vectors[idx], &ec);
	return err;
}
